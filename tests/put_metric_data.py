"""Requests of PutMetricData in the query protocol, read by moto's parser with botocore's model, value by value."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from botocore.utils import parse_timestamp
from moto.core.parse import QueryParser
from moto.core.utils import get_service_model

CLOUDWATCH = get_service_model("cloudwatch")
PUT_METRIC_DATA = CLOUDWATCH.operation_model("PutMetricData")

# One value of one metric: its name, unit, dimensions, minute and number.
Value = tuple[str, str, tuple[tuple[str, str], ...], datetime, float]


def minute_of(time: datetime) -> datetime:
    return time.replace(second=0, microsecond=0)


def values_of(forms: Iterable[bytes]) -> Counter[Value]:
    """How often each value is put. A datum says a value once, and a form has one datum of a metric and minute."""
    found: Counter[Value] = Counter()
    for request in map(_read, forms):
        assert request["Namespace"] == "Firstbyte"
        data = set()
        for datum in request["MetricData"]:
            dimensions = tuple((dimension["Name"], dimension["Value"]) for dimension in datum["Dimensions"])
            key = (datum["MetricName"], datum["Unit"], dimensions, minute_of(datum["Timestamp"]))
            assert key not in data
            data.add(key)
            assert len(set(datum["Values"])) == len(datum["Values"])
            for value, count in zip(datum["Values"], datum["Counts"], strict=True):
                found[*key, value] += int(count)
    return found


def _read(form: bytes) -> dict[str, Any]:
    """The request that this form makes; names that botocore's model lacks would go unseen, and are looked for."""
    pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    values = dict(pairs)
    assert len(values) == len(pairs)
    assert (values.pop("Action"), values.pop("Version")) == ("PutMetricData", CLOUDWATCH.api_version)
    request: Any = {"values": values}
    parsed: dict[str, Any] = QueryParser(PUT_METRIC_DATA, parse_timestamp).parse(request)
    assert _leaves(parsed) == len(values)
    return parsed


def _leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(_leaves, value.values()))
    return sum(map(_leaves, value)) if isinstance(value, list) else 1
