"""All traces: the documents that X-Ray was sent, kept in a table, and the traces of a time range."""

import json
import time
from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sandbox.store import Store
from sandbox.xray.documents import check, is_subsegment
from sandbox.xray.trace import Trace, assemble

# What each kind of time range looks at: https://docs.aws.amazon.com/xray/latest/api/API_GetTraceSummaries.html
TIME_RANGES = {"TraceId": "trace_time", "Event": "received_time", "Service": "segment_end_time"}


class Traces:
    """Takes documents at any moment and in any order; gives whole traces."""

    def __init__(self, store: Store) -> None:
        """Make the table `trace_documents`. Its times are seconds since 1970, UTC."""
        self._store = store
        self._table = store.table(
            "trace_documents",
            {
                "trace_id": "VARCHAR",
                "trace_time": "DOUBLE",
                "received_time": "DOUBLE",
                "segment_end_time": "DOUBLE",
                "document": "VARCHAR",
            },
        )

    def put(self, document: Mapping[str, Any]) -> None:
        """Take one segment, or one subsegment with the `trace_id` and `parent_id` that say where it belongs.

        Raises:
            ValueError: it is no such document; the message names the field.
        """
        check(document)
        trace_id = document["trace_id"]
        segment_end = None if is_subsegment(document) else document.get("end_time")
        text = json.dumps(document, separators=(",", ":"), allow_nan=False)
        self._table.add((trace_id, int(trace_id[2:10], 16), time.time(), segment_end, text))

    def within(self, time_range: str, first: int, last: int, before: str | None, limit: int) -> list[tuple[str, float]]:
        """Return the ids of the latest traces in a time range, latest first, each with its latest time in the range.

        Args:
            time_range: which time counts, a key of `TIME_RANGES`.
            first: the range's first second.
            last: the range's last second; all of it belongs to the range.
            before: only traces that come after this id in that order.
            limit: how many at most.
        """
        column = TIME_RANGES[time_range]
        return self._store.query(
            f"SELECT trace_id, max({column}) FROM trace_documents WHERE {column} >= $first AND {column} < $last + 1"  # noqa: S608
            " AND ($before IS NULL OR trace_id < $before) GROUP BY trace_id ORDER BY trace_id DESC LIMIT $limit",
            {"first": first, "last": last, "before": before, "limit": limit},
        )

    def get(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """Return those of the traces that are there, by id."""
        rows = self._store.query(
            "SELECT trace_id, document FROM trace_documents WHERE trace_id IN (SELECT unnest(?))"
            " ORDER BY trace_id, rowid",
            [list(trace_ids)],
        )
        found = (
            assemble(trace_id, (document for _, document in group)) for trace_id, group in groupby(rows, itemgetter(0))
        )
        return {trace.id: trace for trace in found if trace}
