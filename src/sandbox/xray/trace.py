"""A trace, put together from its documents: segments with every subsegment in its place."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.xray.documents import is_subsegment, walk

# What a subsegment needs to find its place, and has no more once it is there.
_ADDRESS = ("type", "trace_id", "parent_id")
# What the called service's segment takes over from the call.
_SHARED = ("name", "start_time", "end_time", "in_progress", "http", "aws", "error", "fault", "throttle")


@dataclass(frozen=True)
class Trace:
    """What is known of one request. Times are seconds since 1970, UTC.

    Attributes:
        id: as in the trace header's `Root`.
        segments: earliest first, at least one; also subsegments whose parent is not there (yet).
    """

    id: str
    segments: list[dict[str, Any]]

    @cached_property
    def root(self) -> dict[str, Any]:
        """The segment of the service that took the request: the earliest that nothing here is the parent of."""
        present = {node["id"] for segment in self.segments for node in walk(segment)}
        return min(self.segments, key=lambda segment: (segment.get("parent_id") in present, is_subsegment(segment)))

    @property
    def start(self) -> float:
        """When the first segment started."""
        return float(self.segments[0]["start_time"])

    @property
    def duration(self) -> float | None:
        """Seconds from the first start to the last end of a segment; None while none is complete."""
        ends = [segment["end_time"] for segment in self.segments if "end_time" in segment]
        return max(ends) - self.start if ends else None


def assemble(trace_id: str, documents: Iterable[str]) -> Trace | None:
    """Return the trace of all the documents, or None if they are only subsegments of each other.

    A complete document replaces one in progress that has the same id, whichever came first; else the later one replaces
    the earlier. As in X-Ray, a call to a service that sent no segment makes a segment of that service, marked
    `inferred`; its `origin`, which X-Ray knows for some services, is left out.

    Args:
        trace_id: that of all documents.
        documents: JSON, each checked, in the order of their arrival.
    """
    latest: dict[str, dict[str, Any]] = {}
    for text in documents:
        document = json.loads(text)
        known = latest.get(document["id"], document)
        if "end_time" in document or "end_time" not in known:
            latest[document["id"]] = document
    places = {node["id"]: node for document in latest.values() for node in walk(document)}
    segments = []
    for document in latest.values():
        parent = places.get(document["parent_id"]) if is_subsegment(document) else None
        if parent is None:
            segments.append(document)
            continue
        for field in _ADDRESS:
            del document[field]
        siblings = parent.setdefault("subsegments", [])
        siblings.append(document)
        siblings.sort(key=_order)
    segments = sorted([*segments, *_inferred(trace_id, segments)], key=_order)
    return Trace(trace_id, segments) if segments else None


def _inferred(trace_id: str, segments: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-subsegments."""
    callers = {segment.get("parent_id") for segment in segments}
    for segment in segments:
        for call in walk(segment):
            if call.get("namespace") in ("aws", "remote") and call["id"] not in callers:
                shared = {field: call[field] for field in _SHARED if field in call}
                made_id = hashlib.blake2b(f"{trace_id} {call['id']}".encode(), digest_size=8).hexdigest()
                yield {**shared, "id": made_id, "trace_id": trace_id, "parent_id": call["id"], "inferred": True}


def _order(document: dict[str, Any]) -> tuple[float, str]:
    return document["start_time"], document["id"]
