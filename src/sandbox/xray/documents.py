"""Trace documents: what X-Ray wants of one, and the ways into it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

TRACE_ID = re.compile(r"1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}")
_ID = re.compile(r"[0-9a-fA-F]{16}")
# Seconds since 1970 stay below this until the year 2286; a time in milliseconds does not.
_TIME_LIMIT = 10**10


def check(document: Mapping[str, Any]) -> None:
    """Check what was sent: a segment, or a subsegment of its own.

    https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html

    Raises:
        ValueError: a field is missing or wrong; the message names it.
    """
    trace_id = document.get("trace_id")
    if not isinstance(trace_id, str) or not TRACE_ID.fullmatch(trace_id):
        raise ValueError(f"trace_id must look like 1-581cf771-a006649127e371903a2de979, not {trace_id!r}")
    if is_subsegment(document) and not isinstance(document.get("parent_id"), str):
        raise ValueError("a subsegment that is sent alone must have a parent_id")
    for node in walk(document):
        _check_node(node)


def is_subsegment(document: Mapping[str, Any]) -> bool:
    """Tell a subsegment that was sent alone from a segment."""
    return document.get("type") == "subsegment"


def walk(document: Mapping[str, Any]) -> Iterator[Any]:
    """Yield the document itself, then the subsegments in it at any depth; each before its own are looked at."""
    nodes = [document]
    for node in nodes:
        yield node
        nodes.extend(node.get("subsegments", ()))


def inside(document: Mapping[str, Any], kind: type, *path: str) -> Any:
    """Return what is at this path if it is of this type, else None."""
    found: Any = document
    for field in path:
        found = found.get(field) if isinstance(found, Mapping) else None
    return found if type(found) is kind else None


def _check_node(node: Any) -> None:
    if not isinstance(node, Mapping):
        raise ValueError(f"a subsegment must be an object, not {node!r}")
    if not isinstance(node.get("name"), str) or not node["name"]:
        raise ValueError(f"name must be a string, not {node.get('name')!r}")
    if not isinstance(node.get("id"), str) or not _ID.fullmatch(node["id"]):
        raise ValueError(f"id must be 16 hexadecimal digits, not {node.get('id')!r}")
    if not _is_time(node.get("start_time")):
        raise ValueError(f"start_time must be seconds since 1970, not {node.get('start_time')!r}")
    if not _is_time(node.get("end_time")) and (node.get("in_progress") is not True or "end_time" in node):
        raise ValueError(
            f"end_time must be seconds since 1970, or absent and in_progress true: {node.get('end_time')!r}"
        )
    for field, kind in (("subsegments", list), ("annotations", dict)):
        if not isinstance(node.get(field, kind()), kind):
            raise ValueError(f"{field} must be a JSON {'array' if kind is list else 'object'}")


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _TIME_LIMIT
