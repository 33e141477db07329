"""A trace, put together from its documents: segments with every subsegment in its place."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sandbox.xray.documents import is_subsegment, status_of, walk

Value = bool | int | float | str
"""The value of an annotation."""

# Fields that place a subsegment. It loses them once it is in its parent.
_ADDRESS = ("type", "trace_id", "parent_id")
# Fields that the called service's segment takes over from the call.
_SHARED = ("name", "start_time", "end_time", "http", "aws", "error", "fault", "throttle")


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
    def duration(self) -> float:
        """Seconds from the first start to the last end of a segment."""
        return max(float(segment["end_time"]) for segment in self.segments) - self.start

    @property
    def response_time(self) -> float:
        """Seconds until the client had its response: the root segment's time."""
        return float(self.root["end_time"] - self.root["start_time"])

    @cached_property
    def flags(self) -> dict[str, bool]:
        """Whether the request is `ok`, an `error`, a `fault`, or has a `throttle`.

        The root segment decides, so that a failure downstream that the service coped with is not the trace's own. A
        throttle counts in any segment or subsegment: https://docs.aws.amazon.com/xray/latest/api/API_TraceSummary.html
        """
        nodes = [node for segment in self.segments for node in walk(segment)]
        return {**_flags(self.root), "throttle": any(_flags(node)["throttle"] for node in nodes)}

    @cached_property
    def annotations(self) -> dict[str, list[Value]]:
        """The different values of each annotation, those in subsegments included."""
        found: dict[str, dict[tuple[type, Value], Value]] = {}
        for segment in self.segments:
            for node in walk(segment):
                for key, value in (node.get("annotations") or {}).items():
                    if isinstance(value, Value):
                        found.setdefault(key, {})[type(value), value] = value  # to Python, True equals 1
        return {key: list(values.values()) for key, values in found.items()}


def assemble(trace_id: str, documents: Iterable[str]) -> Trace | None:
    """Return the trace of all the documents, or None if they are only subsegments of each other.

    Of two documents with one id, the later counts. As in X-Ray, a call to a service that sent no segment makes a
    segment of that service, marked `inferred`. Its `origin`, which X-Ray knows for some services, is left out.

    Args:
        trace_id: that of all documents.
        documents: JSON, each checked, in the order of their arrival.
    """
    latest = {document["id"]: document for document in map(json.loads, documents)}
    places = {node["id"]: node for document in latest.values() for node in walk(document)}
    segments, parents = [], {}
    for document in latest.values():
        parent = places.get(document["parent_id"]) if is_subsegment(document) else None
        if parent is None:
            segments.append(document)
            continue
        for field in _ADDRESS:
            del document[field]
        parent["subsegments"] = parent.get("subsegments") or []
        parent["subsegments"].append(document)
        parents[parent["id"]] = parent
    for parent in parents.values():
        parent["subsegments"].sort(key=_order)
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


def _flags(node: dict[str, Any]) -> dict[str, bool]:
    """A flag says it, or the status does: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-errors."""
    status = status_of(node) or 0
    failed = {
        "error": node.get("error") is True or 400 <= status < 500,
        "throttle": node.get("throttle") is True or status == 429,
        "fault": node.get("fault") is True or 500 <= status < 600,
    }
    return {**failed, "ok": not any(failed.values()) and (not status or 200 <= status < 300)}
