"""What CloudWatch demands of an EMF document, as a schema and a check of what a schema cannot say.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from typing import Any

import jsonschema

_SIZES = ("Bytes", "Kilobytes", "Megabytes", "Gigabytes", "Terabytes", "Bits", "Kilobits", "Megabits", "Gigabits")
UNITS = {
    *("Seconds", "Microseconds", "Milliseconds", "Percent", "Count", "Count/Second", "None", "Terabits"),
    *_SIZES,
    *(f"{size}/Second" for size in (*_SIZES, "Terabits")),
}
MAX_BYTES = 256 * 1024
MAX_VALUES = 100

_NAME = {"type": "string", "minLength": 1, "maxLength": 1024, "pattern": r"\S"}
SCHEMA = {
    "type": "object",
    "required": ["_aws"],
    "properties": {
        "_aws": {
            "type": "object",
            "required": ["Timestamp", "CloudWatchMetrics"],
            "properties": {
                "Timestamp": {"type": "integer", "minimum": 0},
                "CloudWatchMetrics": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["Namespace", "Dimensions", "Metrics"],
                        "additionalProperties": False,
                        "properties": {
                            "Namespace": _NAME,
                            "Dimensions": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "array", "maxItems": 30, "items": _NAME, "uniqueItems": True},
                                "uniqueItems": True,
                            },
                            "Metrics": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 100,
                                "items": {
                                    "type": "object",
                                    "required": ["Name"],
                                    "additionalProperties": False,
                                    "properties": {
                                        "Name": _NAME,
                                        "Unit": {"enum": sorted(UNITS)},
                                        "StorageResolution": {"enum": [1, 60]},
                                    },
                                },
                            },
                        },
                    },
                },
            },
        }
    },
}


def values_of(document: dict[str, Any]) -> dict[str, list[float]]:
    """The values in a document by metric, whatever its dimensions; the document must be valid.

    Raises:
        jsonschema.ValidationError: the document is against the schema.
        AssertionError: what it names is not in it, or too much of it.
    """
    jsonschema.validate(document, SCHEMA)
    assert len(json.dumps(document).encode()) <= MAX_BYTES
    found: dict[str, list[float]] = {}
    defined: set[tuple[str, ...]] = set()
    for directive in document["_aws"]["CloudWatchMetrics"]:
        for name in {name for names in directive["Dimensions"] for name in names}:
            assert isinstance(document[name], str)
            assert 1 <= len(document[name]) <= 1024
        for metric in directive["Metrics"]:
            series = {(metric["Name"], *sorted(names)) for names in directive["Dimensions"]}
            assert not series & defined, "a metric that is defined twice counts twice"
            defined |= series
            value = document[metric["Name"]]
            values = value if isinstance(value, list) else [value]
            assert 1 <= len(values) <= MAX_VALUES
            assert all(isinstance(single, int | float) and not isinstance(single, bool) for single in values)
            found[metric["Name"]] = values
    return found
