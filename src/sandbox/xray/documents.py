"""Trace documents: what X-Ray requires of one, and the way through its subsegments."""

from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

# Seconds since 1970 stay below this until the year 2286. A time in milliseconds does not.
_TIME = {"type": "number", "minimum": 0, "exclusiveMaximum": 10**10}
# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html
_SCHEMA = {
    "$ref": "#/$defs/node",
    "required": ["trace_id"],
    "properties": {"trace_id": {"type": "string", "pattern": "^1-[0-9a-fA-F]{8}-[0-9a-fA-F]{24}$"}},
    "if": {"required": ["type"], "properties": {"type": {"const": "subsegment"}}},
    "then": {"required": ["parent_id"], "properties": {"parent_id": {"type": "string"}}},
    "$defs": {
        "node": {
            "type": "object",
            "required": ["name", "id", "start_time", "end_time"],
            "properties": {
                "name": {"type": "string", "minLength": 1},
                "id": {"type": "string", "pattern": "^[0-9a-fA-F]{16}$"},
                "start_time": _TIME,
                "end_time": _TIME,
                "annotations": {"type": "object"},
                "http": {
                    "type": "object",
                    "properties": {"response": {"type": "object", "properties": {"status": {"type": "integer"}}}},
                },
                "subsegments": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
        },
    },
}
_VALIDATOR = Draft202012Validator(_SCHEMA)


def check(document: Mapping[str, Any]) -> None:
    """Check a document: a complete segment, or a complete subsegment that was sent alone.

    X-Ray also takes documents in progress. Neither Lambda nor the function sends any, so these are refused.

    Raises:
        ValueError: a field is missing or wrong; the message says where it is.
    """
    error = best_match(_VALIDATOR.iter_errors(document))
    if error:
        raise ValueError(f"{error.json_path} {error.message}")


def is_subsegment(document: Mapping[str, Any]) -> bool:
    """Tell a subsegment that was sent alone from a segment."""
    return document.get("type") == "subsegment"


def walk(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the document itself, then the subsegments at any depth, each after the one that holds it."""
    nodes: list[Any] = [document]
    for node in nodes:
        yield node
        nodes.extend(node.get("subsegments", ()))
