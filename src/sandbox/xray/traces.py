"""All traces: the documents that X-Ray was sent, kept in a table, and the traces of a time range."""

import json
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from sandbox.store import Limit, Store
from sandbox.xray.documents import check
from sandbox.xray.trace import Trace, assemble

# A response of the function has some 3,000 bytes of documents, so these are of about 16,000 responses.
_LIMIT = Limit("trace_time", 48_000_000, text="document")
_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class Traces:
    """Takes documents at any moment and in any order; gives whole traces."""

    def __init__(self, store: Store) -> None:
        """Make the table `trace_documents`."""
        self._store = store
        columns = {"trace_id": "VARCHAR", "trace_time": "DOUBLE", "document": "VARCHAR"}
        self._table = store.table("trace_documents", columns, _LIMIT)

    def put(self, document: Any) -> None:
        """Take one segment, or one subsegment with the `trace_id` and `parent_id` that say where it belongs.

        Raises:
            ValueError: it is no such document; the message names the field.
        """
        check(document)
        # The second in which the trace began is in its id, as eight hexadecimal digits after `1-`:
        # https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
        trace_time = int(document["trace_id"][2:10], 16)
        self._table.add((document["trace_id"], trace_time, _encode(document)))

    def within(self, first: int, last: int, before: str | None, most: int) -> tuple[list[Trace], str | None]:
        """Return a page of the traces that began in a time range, latest first, and the id that the next comes after.

        Args:
            first: the range's first second since 1970.
            last: the range's last second.
            before: the id that came with the page before; None for the first page.
            most: how many traces a page has at most.
        """
        rows = self._store.query(
            "SELECT DISTINCT trace_id FROM trace_documents WHERE trace_time BETWEEN ? AND ? "
            "AND (?::VARCHAR IS NULL OR trace_id < ?) ORDER BY trace_id DESC LIMIT ?",
            [first, last, before, before, most + 1],
        )
        ids = [trace_id for (trace_id,) in rows][:most]
        traces = self._select("trace_id IN (SELECT unnest(?))", [ids])[::-1]
        return traces, ids[-1] if len(rows) > most else None

    def get(self, trace_ids: Sequence[str]) -> dict[str, Trace]:
        """Return those of the traces that are there, by id."""
        return {trace.id: trace for trace in self._select("trace_id IN (SELECT unnest(?))", [list(trace_ids)])}

    def _select(self, condition: str, parameters: list[Any]) -> list[Trace]:
        rows = self._store.query(
            f"SELECT trace_id, document FROM trace_documents WHERE {condition} ORDER BY trace_id, place",  # noqa: S608
            parameters,
        )
        found = (assemble(trace_id, map(itemgetter(1), group)) for trace_id, group in groupby(rows, itemgetter(0)))
        return [trace for trace in found if trace]
