"""EMF: which points a log line holds, against documents written by hand."""

import json
from typing import Any

import pytest

from sandbox.cloudwatch.emf import emf_points
from sandbox.cloudwatch.metrics import Point

TIME_MS = 1_790_000_000_123


def document(**changes: Any) -> dict[str, Any]:
    """A document with one metric, two of its root's members or its directive's replaced (None: taken away)."""
    directive = {
        "Namespace": "Firstbyte",
        "Dimensions": [["service"]],
        "Metrics": [{"Name": "Latency", "Unit": "Milliseconds"}],
    }
    metadata = {"Timestamp": TIME_MS, "CloudWatchMetrics": [directive]}
    root: dict[str, Any] = {"_aws": metadata, "service": "chat", "Latency": 12.5}
    for name, value in changes.items():
        part = next((part for part in (directive, metadata) if name in part), root)
        part[name] = value
        if value is None:
            del part[name]
    return root


def points(**changes: Any) -> list[Point]:
    return emf_points(json.dumps(document(**changes)))


def point(value: float, *dimensions: tuple[str, str], name: str = "Latency", unit: str = "Milliseconds") -> Point:
    return Point("Firstbyte", name, dimensions, unit, TIME_MS, value)


def test_one_value() -> None:
    assert points() == [point(12.5, ("service", "chat"))]


def test_every_value_in_every_dimension_set() -> None:
    found = points(Latency=[1, 2.5], Dimensions=[["service", "model"], ["service"], []], model="m")
    sets = ((("model", "m"), ("service", "chat")), (("service", "chat"),), ())
    assert sorted(found, key=repr) == sorted(
        (point(value, *dimensions) for value in (1, 2.5) for dimensions in sets), key=repr
    )


def test_the_order_of_dimensions_does_not_matter() -> None:
    assert points(Dimensions=[["service", "model"]], model="m") == points(Dimensions=[["model", "service"]], model="m")


def test_several_directives_and_metrics() -> None:
    both = document(
        Metrics=[{"Name": "Latency"}, {"Name": "Errors", "Unit": "Count", "StorageResolution": 1}], Errors=0, Other="x"
    )
    both["_aws"]["CloudWatchMetrics"].append(
        {"Namespace": "Other", "Dimensions": [[]], "Metrics": [{"Name": "Errors"}], "Unknown": 1}
    )
    assert emf_points(json.dumps(both)) == [
        point(12.5, ("service", "chat"), unit="None"),
        Point("Firstbyte", "Errors", (("service", "chat"),), "Count", TIME_MS, 0.0),
        Point("Other", "Errors", (), "None", TIME_MS, 0.0),
    ]


def test_each_directive_has_dimension_sets_of_its_own() -> None:
    """As the function writes it: what is read by model, too, is in a directive of its own."""
    both = document(model="m", Errors=1, Gap=[1, 2])
    both["_aws"]["CloudWatchMetrics"] = [
        {"Namespace": "Firstbyte", "Dimensions": [["service"]], "Metrics": [{"Name": "Errors"}, {"Name": "Latency"}]},
        {
            "Namespace": "Firstbyte",
            "Dimensions": [["service"], ["service", "model"]],
            "Metrics": [{"Name": "Gap", "Unit": "Milliseconds"}],
        },
    ]
    service, model = ("service", "chat"), ("model", "m")
    assert emf_points(json.dumps(both)) == [
        point(1, service, name="Errors", unit="None"),
        point(12.5, service, unit="None"),
        point(1, service, name="Gap"),
        point(1, model, service, name="Gap"),
        point(2, service, name="Gap"),
        point(2, model, service, name="Gap"),
    ]


@pytest.mark.parametrize("wrong", [{"Dimensions": []}, {"Namespace": ""}, {"Metrics": [{"Name": "Missing"}]}])
def test_one_wrong_directive_spoils_the_document(wrong: dict[str, Any]) -> None:
    both = document()
    (directive,) = both["_aws"]["CloudWatchMetrics"]
    both["_aws"]["CloudWatchMetrics"] = [directive, {**directive, **wrong}]
    assert emf_points(json.dumps(both)) == []


def test_what_is_no_json_spoils_the_document() -> None:
    assert points(Other=1.5)
    assert points(Other=float("nan")) == []


def test_no_values_are_no_points() -> None:
    assert points(Latency=[]) == []


@pytest.mark.parametrize("count", [100, 101])
def test_a_hundred_values_and_metrics_at_most(count: int) -> None:
    assert len(points(Latency=list(range(count)))) == (100 if count == 100 else 0)
    names = [f"m{number}" for number in range(count)]
    found = points(Metrics=[{"Name": name} for name in names], **dict.fromkeys(names, 1))
    assert len(found) == (100 if count == 100 else 0)


@pytest.mark.parametrize("count", [30, 31])
def test_thirty_dimensions_at_most(count: int) -> None:
    names = [f"d{number}" for number in range(count)]
    assert bool(points(Dimensions=[names], **dict.fromkeys(names, "x"))) == (count == 30)


@pytest.mark.parametrize(
    "change",
    [
        {"_aws": None},
        {"_aws": []},
        {"Timestamp": None},
        {"Timestamp": "1790000000123"},
        {"Timestamp": 1.5},
        {"Timestamp": -1},
        {"Timestamp": 10**30},
        {"CloudWatchMetrics": None},
        {"CloudWatchMetrics": {}},
        {"CloudWatchMetrics": [None]},
        {"Namespace": None},
        {"Namespace": ""},
        {"Namespace": "n" * 256},
        {"Namespace": 5},
        {"Dimensions": None},
        {"Dimensions": []},
        {"Dimensions": ["service"]},
        {"Dimensions": [["service", "missing"]]},
        {"Dimensions": [["service"], ["missing"]]},
        {"Dimensions": [[5]]},
        {"service": 5},
        {"service": ""},
        {"service": "x" * 1025},
        {"service": None},
        {"Metrics": None},
        {"Metrics": ["Latency"]},
        {"Metrics": [{"Unit": "Count"}]},
        {"Metrics": [{"Name": "Latency", "Unit": "Furlongs"}]},
        {"Metrics": [{"Name": "Latency", "Unit": ["Count"]}]},
        {"Metrics": [{"Name": "Latency"}, {"Name": "Missing"}]},
        {"Latency": None},
        {"Latency": "12.5"},
        {"Latency": True},
        {"Latency": {"value": 1}},
        {"Latency": [1, "2"]},
        {"Latency": [[1]]},
        {"Latency": 2.0**361},
        {"Latency": float("nan")},
        {"Latency": float("inf")},
    ],
    ids=json.dumps,
)
def test_a_document_that_breaks_the_specification_has_no_points(change: dict[str, Any]) -> None:
    assert points(**change) == []


@pytest.mark.parametrize(
    "line",
    ["", "START RequestId: 1 Version: $LATEST", "{", "null", "[]", '"_aws"', "{}", "[" * 100_000, '{"_aws": 1e999}'],
    ids=lambda line: line[:20],
)
def test_other_lines_have_no_points(line: str) -> None:
    assert emf_points(line) == []


def test_a_document_is_the_whole_line() -> None:
    assert emf_points(f"{json.dumps(document())}\n")
    assert emf_points(f"2026-11-22T10:00:00Z {json.dumps(document())}") == []


def test_a_document_of_too_many_points_has_none() -> None:
    names = [f"m{number}" for number in range(100)]

    def line(sets: int) -> str:
        directive = {"Namespace": "n", "Dimensions": [["d"]] * sets, "Metrics": [{"Name": name} for name in names]}
        metadata = {"Timestamp": 1, "CloudWatchMetrics": [directive]}
        return json.dumps({"_aws": metadata, "d": "x", **dict.fromkeys(names, [1.0] * 100)})

    assert len(emf_points(line(3))) == 30_000
    assert emf_points(line(4)) == []
