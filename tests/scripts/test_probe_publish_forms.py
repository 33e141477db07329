"""What the probe publishes of its runs, read back by moto's parser of the query protocol with botocore's model."""

import re
from collections.abc import Iterable
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st
from moto.core.parse import QueryParser
from moto.core.utils import get_service_model

from probe import publication
from probe.measurement import Run
from probe.publication import METRICS, data, forms

CLOUDWATCH = get_service_model("cloudwatch")
PUT_METRIC_DATA = CLOUDWATCH.operation_model("PutMetricData")
OUTCOMES = ("completed", "error", "http_error", "cut", "transport", "interrupted")


def run(outcome: str, at: int = 0, **figures: Any) -> Run:
    started_at = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return Run(**{field.name: None for field in fields(Run)} | {"outcome": outcome, "started_at": started_at} | figures)


def read(form: bytes) -> dict[str, Any]:
    """The request that this form makes; names that botocore's model lacks would go unseen, and are looked for."""
    pairs = parse_qsl(form.decode("ascii"), keep_blank_values=True, strict_parsing=True)
    values = dict(pairs)
    assert len(values) == len(pairs)
    assert (values.pop("Action"), values.pop("Version")) == ("PutMetricData", CLOUDWATCH.api_version)
    request: Any = {"values": values}
    parsed: dict[str, Any] = QueryParser(PUT_METRIC_DATA, parse_timestamp).parse(request)
    assert leaves(parsed) == len(values)
    return parsed


def leaves(value: Any) -> int:
    if isinstance(value, dict):
        return sum(map(leaves, value.values()))
    return sum(map(leaves, value)) if isinstance(value, list) else 1


def published(runs: Iterable[Run], service: str = "s", probe: str = "p") -> list[dict[str, Any]]:
    requests = [read(form) for form in forms(data(list(runs), service, probe))]
    assert {request["Namespace"] for request in requests} <= {"Firstbyte"}
    return [datum for request in requests for datum in request["MetricData"]]


figure = st.none() | st.floats(0, 86_400_000).map(lambda value: round(value, 3))
dimension_value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=1024)


@st.composite
def any_run(draw: st.DrawFn) -> tuple[int, Run]:
    at = draw(st.integers(0, 4_000_000_000))
    names = ("ttfb_ms", "ttft_ms", "max_gap_ms", "total_ms")
    return at, run(draw(st.sampled_from(OUTCOMES)), at, **{name: draw(figure) for name in names})


@given(st.lists(any_run(), max_size=8), dimension_value, dimension_value)
def test_every_run_is_published_value_by_value(runs: list[tuple[int, Run]], service: str, probe: str) -> None:
    expected = []
    for at, each in runs:
        values: list[tuple[str, str, float | None]] = [("ProbeFailures", "Count", 1.0)]
        if each.outcome == "interrupted":
            values = []
        if each.outcome == "completed":
            values = [
                ("ClientTimeToFirstByte", "Milliseconds", each.ttfb_ms),
                ("ClientTimeToFirstToken", "Milliseconds", each.ttft_ms),
                ("ClientMaxInterChunkLatency", "Milliseconds", each.max_gap_ms),
                ("ClientResponseDuration", "Milliseconds", each.total_ms),
                ("ProbeFailures", "Count", 0.0),
            ]
        by_service = [{"Name": "service", "Value": service}]
        for name, unit, value in values:
            for dimensions in (by_service, [*by_service, {"Name": "probe", "Value": probe}]):
                datum = {
                    "MetricName": name,
                    "Unit": unit,
                    "Value": value,
                    "Dimensions": dimensions,
                    "Timestamp": datetime.fromtimestamp(at, UTC),
                }
                if value is not None:
                    expected.append(datum)
    assert published((each for _, each in runs), service, probe) == expected


def completed(count: int) -> list[Run]:
    figures = {"ttfb_ms": 1.5, "ttft_ms": 2.5, "max_gap_ms": 3.5}
    return [run("completed", **figures, total_ms=float(at), at=at) for at in range(count)]


@pytest.mark.parametrize(("runs", "sizes"), [(0, []), (1, [10]), (100, [1000]), (101, [1000, 10]), (200, [1000, 1000])])
def test_a_request_has_at_most_a_thousand_values(runs: int, sizes: list[int]) -> None:
    found = [re.findall(r"\.(\d+)\.MetricName=", form.decode()) for form in forms(data(completed(runs), "s", "p"))]
    assert found == [[str(number) for number in range(1, size + 1)] for size in sizes]


def test_a_request_is_as_large_as_it_may_be() -> None:
    # A percent sign takes three bytes in a form: this is as large as values can be.
    values = data(completed(100), "%" * 1024, "%" * 1024)
    requests = list(forms(values))
    assert all(len(form) <= 1_000_000 for form in requests)
    # No request could have taken in the next value, of which the larger kind has some 6500 bytes.
    assert all(len(form) > 1_000_000 - 6_600 for form in requests[:-1])
    durations = [pair[1] for form in requests for pair in parse_qsl(form.decode()) if pair[0].endswith(".Value")]
    assert len(requests) > 1
    assert [float(text) for text in durations if "%" not in text] == [each.value for each in values]


def test_the_limit_is_kept_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    # One after the other these limits cut the values at every place.
    for limit in range(2_000, 2_500):
        monkeypatch.setattr(publication, "MAX_BYTES", limit)
        sizes = [len(form) for form in forms(data(completed(2), "s", "p"))]
        assert len(sizes) > 2
        assert max(sizes) <= limit


def test_units_are_cloudwatchs() -> None:
    assert {metric.unit for metric in METRICS} <= set(CLOUDWATCH.shape_for("StandardUnit").enum)
