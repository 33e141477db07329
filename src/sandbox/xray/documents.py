"""Trace documents: what X-Ray requires of one, and the way through its subsegments."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

# Seconds since 1970 stay below this until the year 2286. A time in milliseconds does not.
_TIME_LIMIT = 10**10
_DOUBLE_BITS = 1024
# A subsegment in a subsegment is two levels deeper.
_DEEPEST = 200


def _matches(pattern: str) -> Callable[[Any], bool]:
    regex = re.compile(pattern)
    return lambda value: isinstance(value, str) and regex.fullmatch(value) is not None


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < _TIME_LIMIT


def _are_annotations(value: Any) -> bool:
    # The API gives a number as a double, which an integer of JSON can exceed.
    return value is None or (
        isinstance(value, dict)
        and all(not isinstance(each, int) or each.bit_length() < _DOUBLE_BITS for each in value.values())
    )


# What a field must be, and the words for it.
# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
_OF_DOCUMENTS = {
    "trace_id": (_matches("1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}"), "like 1-581cf771-a006649127e371903a2de979"),
}
_OF_SUBSEGMENTS_SENT_ALONE = {"parent_id": (_matches(".+"), "the id of a segment or subsegment")}
_OF_NODES = {
    "name": (_matches(".+"), "a text"),
    "id": (_matches("[0-9a-fA-F]{16}"), "16 hexadecimal digits"),
    "start_time": (_is_time, "seconds since 1970"),
    "end_time": (_is_time, "seconds since 1970"),
    "annotations": (_are_annotations, "an object, its numbers doubles"),
    "subsegments": (lambda value: value is None or isinstance(value, list), "a list"),
}


def check(document: Any) -> None:
    """Check a document: a complete segment, or a complete subsegment that was sent alone.

    X-Ray also takes documents in progress. Neither Lambda nor the function sends any, so these are refused.

    Raises:
        ValueError: a field is missing or wrong; the message names it.
    """
    _check_depth(document)
    _check_fields(document, _OF_DOCUMENTS)
    if is_subsegment(document):
        _check_fields(document, _OF_SUBSEGMENTS_SENT_ALONE)
    for node in walk(document):
        _check_fields(node, _OF_NODES)


def is_subsegment(document: Mapping[str, Any]) -> bool:
    """Tell a subsegment that was sent alone from a segment."""
    return document.get("type") == "subsegment"


def walk(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the document itself, then the subsegments at any depth, each before its own are looked at."""
    nodes: list[Any] = [document]
    for node in nodes:
        yield node
        nodes.extend(node.get("subsegments") or ())


def status_of(node: Mapping[str, Any]) -> int | None:
    """Return the HTTP status of a segment or subsegment, None if it has none."""
    try:
        return int(node["http"]["response"]["status"])
    except (KeyError, TypeError, ValueError):
        return None


def _check_depth(document: Any) -> None:
    """Refuse a document that is nested more than 200 deep.

    Reading it again from a deeper call stack could fail, and then no trace would be shown.
    """
    level = [document]
    for _ in range(_DEEPEST):
        nodes = [node for node in level if isinstance(node, dict | list)]
        level = [part for node in nodes for part in (node.values() if isinstance(node, dict) else node)]
        if not level:
            return
    raise ValueError(f"more than {_DEEPEST} objects and lists stand within each other")


def _check_fields(node: Any, fields: Mapping[str, tuple[Callable[[Any], bool], str]]) -> None:
    if not isinstance(node, dict):
        raise ValueError(f"a segment or subsegment must be an object, not {node!r}")
    for field, (is_right, words) in fields.items():
        if not is_right(node.get(field)):
            raise ValueError(f"{field} must be {words}, not {node.get(field)!r}")
