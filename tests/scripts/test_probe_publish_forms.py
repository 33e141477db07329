"""What the probe publishes of its runs: every value once, in requests as boto3 makes them, within the limits."""

import json
from collections import Counter
from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest
from botocore.serialize import create_serializer
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from probe import publication
from probe.measurement import Run
from probe.publication import METRICS, count, documents, form, shown
from probe_runs import a_run
from put_metric_data import CLOUDWATCH, PUT_METRIC_DATA, Value, minute_of, values_of

OUTCOMES = ("completed", "error", "http_error", "cut", "transport", "interrupted")


def at(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# A small choice of numbers, for equal ones, beside all.
figure = st.none() | st.sampled_from([0.0, 0.001, 12.5]) | st.floats(0, 86_400_000).map(lambda value: round(value, 3))
dimension_value = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=1, max_size=1024)


@st.composite
def any_run(draw: st.DrawFn) -> tuple[int, Run]:
    second = draw(st.integers(0, 300) | st.integers(0, 4_000_000_000))
    figures = {name: draw(figure) for name in ("ttfb_ms", "ttft_ms", "max_gap_ms", "total_ms")}
    outcome, warm_up = draw(st.sampled_from(OUTCOMES)), draw(st.sampled_from((False, False, True)))
    return second, a_run(outcome=outcome, warm_up=warm_up, started_at=at(second), tpot_ms=None, **figures)


@given(st.lists(any_run(), max_size=12), dimension_value, dimension_value)
def test_every_value_is_published_once(runs: list[tuple[int, Run]], service: str, probe: str) -> None:
    expected: Counter[Value] = Counter()
    for second, run in runs:
        if run.warm_up or run.outcome == "interrupted":
            continue
        values: list[tuple[str, str, float | None]] = [("ProbeFailures", "Count", 1.0)]
        if run.outcome == "completed":
            values = [
                ("ClientTimeToFirstByte", "Milliseconds", run.ttfb_ms),
                ("ClientTimeToFirstToken", "Milliseconds", run.ttft_ms),
                ("ClientMaxInterChunkLatency", "Milliseconds", run.max_gap_ms),
                ("ClientResponseDuration", "Milliseconds", run.total_ms),
                ("ProbeFailures", "Count", 0.0),
            ]
        minute = minute_of(datetime.fromtimestamp(second, UTC))
        for name, unit, value in values:
            for dimensions in ((("service", service),), (("service", service), ("probe", probe))):
                if value is not None:
                    expected[name, unit, dimensions, minute, value] += 1
    requests = documents([run for _, run in runs], service, probe)
    assert values_of(map(form, requests)) == expected
    assert sum(map(count, requests)) == expected.total()


@given(st.lists(any_run(), max_size=5), dimension_value, dimension_value)
def test_form_and_document_are_what_boto3_has(runs: list[tuple[int, Run]], service: str, probe: str) -> None:
    for document in documents([run for _, run in runs], service, probe):
        report = ParamValidator().validate(document, PUT_METRIC_DATA.input_shape)
        assert not report.has_errors(), report.generate_report()
        serialized = create_serializer("query").serialize_to_request(document, PUT_METRIC_DATA)
        assert dict(parse_qsl(form(document).decode())) == {
            key: str(value) for key, value in serialized["body"].items()
        }
        assert json.loads(shown(document)) == document
        assert len(shown(document).splitlines()) == 2 + len(document["MetricData"])


def test_a_minute_has_the_time_of_its_first_run() -> None:
    # In the order in which they ended.
    seconds = (59, 3, 30, 120, 61, 119)
    (document,) = documents([a_run(started_at=at(second)) for second in seconds], "s", "p")
    assert {datum["Timestamp"] for datum in document["MetricData"]} == {at(3), at(61), at(120)}
    assert [datum["Counts"] for datum in document["MetricData"] if datum["Timestamp"] == at(3)] == [[3]] * 10


@pytest.mark.parametrize(
    ("runs", "seconds", "requests"),
    [
        (0, 0, 0),
        (1, 0, 1),
        # 150 values of a metric
        (150, 0.1, 1),
        (151, 0.1, 2),
        (1200, 0.1, 8),
        # 1000 metrics
        (100, 60, 1),
        (101, 60, 2),
    ],
)
def test_a_request_keeps_the_limits(runs: int, seconds: float, requests: int) -> None:
    made = [a_run(total_ms=1000.0 + number, started_at=at(int(number * seconds))) for number in range(runs)]
    found = documents(made, "s", "p")
    assert len(found) == requests
    for document in found:
        assert len(document["MetricData"]) <= 1000
        of_a_metric: dict[tuple[str, int], set[float]] = {}
        for datum in document["MetricData"]:
            of_a_metric.setdefault((datum["MetricName"], len(datum["Dimensions"])), set()).update(datum["Values"])
        assert max(map(len, of_a_metric.values())) <= 150
    assert sum(map(count, found)) == runs * 10


def test_the_largest_values_fit() -> None:
    # A percent sign takes three bytes in a form: this is as large as dimensions can be.
    runs = [a_run(total_ms=1000.0 + number, started_at=at(60 * number)) for number in range(100)]
    found = documents(runs, "%" * 1024, "%" * 1024)
    sizes = [len(form(document)) for document in found]
    assert all(500_000 < size <= 1_000_000 for size in sizes), sizes
    assert sum(map(count, found)) == 1000


def test_the_limit_is_kept_to_the_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [a_run(), a_run(started_at=at(0))]
    (both,) = documents(runs, "s", "p")
    size = len(form(both))
    for limit, requests in ((size, 1), (size - 1, 2)):
        monkeypatch.setattr(publication, "MAX_BYTES", limit)
        assert len(documents(runs, "s", "p")) == requests


def test_units_are_cloudwatchs() -> None:
    assert {metric.unit for metric in METRICS} <= set(CLOUDWATCH.shape_for("StandardUnit").enum)
