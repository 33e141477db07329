"""PutMetricData: what is put comes back as it was, all of it or nothing; and what is refused, by name."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from cloudwatch_calls import CloudWatch, datum, dimensions, seconds, stat
from sandbox.cloudwatch.metrics import Metric


@pytest.fixture
def cloudwatch() -> CloudWatch:
    return CloudWatch()


def test_values_with_counts_and_dimensions(cloudwatch: CloudWatch) -> None:
    values = datum(Values=[1.0, 5.0], Counts=[3.0, 1.0], Unit="Milliseconds", Dimensions=dimensions(b="2", a="1"))
    cloudwatch("PutMetricData", Namespace="N", MetricData=[values, datum(MetricName="Other", Value=-4.5)])
    assert cloudwatch.metrics.all() == [Metric("N", "Latency", (("a", "1"), ("b", "2"))), Metric("N", "Other", ())]
    found = cloudwatch.data(
        stat("average", "Average", dimensions={"a": "1", "b": "2"}),
        stat("count", "SampleCount", dimensions={"b": "2", "a": "1"}),
        stat("other", "Sum", "Other"),
    )["MetricDataResults"]
    assert [seconds(result) for result in found] == [{0: 2.0}, {0: 4.0}, {0: -4.5}]


def test_a_value_without_timestamp_is_of_now(cloudwatch: CloudWatch) -> None:
    before = datetime.now(UTC)
    cloudwatch("PutMetricData", Namespace="N", MetricData=[{"MetricName": "Latency", "Value": 1.0}])
    (result,) = cloudwatch.data(stat("m"), EndTime=before + timedelta(hours=1))["MetricDataResults"]
    (moment,) = result["Timestamps"]
    assert before.replace(second=0, microsecond=0) <= moment <= datetime.now(UTC)


def test_limits_are_within(cloudwatch: CloudWatch) -> None:
    most = datum(
        MetricName="m" * 255,
        Values=[2.0**360] * 149 + [-(2.0**360)],
        Dimensions=dimensions(**{f"{number:0255}": "v" * 1024 for number in range(30)}),
    )
    cloudwatch("PutMetricData", Namespace="n" * 255, MetricData=[most, *[datum(Value=0.0)] * 999])
    assert len(cloudwatch.metrics.all()) == 2


@pytest.mark.parametrize(
    ("change", "code", "named"),
    [
        ({"Value": 1.0, "Values": [1.0]}, "InvalidParameterValue", "MetricData.member.2 must have either"),
        ({}, "InvalidParameterValue", "MetricData.member.2 must have either"),
        ({"Values": []}, "InvalidParameterValue", "MetricData.member.2.Values"),
        ({"Values": [1.0] * 151}, "InvalidParameterValue", "MetricData.member.2.Values"),
        ({"Values": [1.0, 2.0], "Counts": [1.0]}, "InvalidParameterValue", "MetricData.member.2.Counts"),
        ({"Value": 1.0, "Counts": [0.0]}, "InvalidParameterValue", "MetricData.member.2.Counts"),
        ({"Value": 1.0, "Counts": [-1.0]}, "InvalidParameterValue", "MetricData.member.2.Counts"),
        ({"Value": 1.0, "Counts": [float("nan")]}, "InvalidParameterValue", "MetricData.member.2.Counts"),
        ({"Value": 1.0, "Counts": [float("inf")]}, "InvalidParameterValue", "MetricData.member.2.Counts"),
        ({"Value": 1.0, "Counts": [1.5]}, "InvalidParameterValue", "not 1.5"),
        ({"Value": float("nan")}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Value": float("inf")}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Values": [1.0, float("-inf")]}, "InvalidParameterValue", "MetricData.member.2.Value"),
        ({"Value": 2.0**361}, "InvalidParameterValue", "MetricData.member.2.Value"),
        (
            {"StatisticValues": {"SampleCount": 1.0, "Sum": 1.0, "Minimum": 1.0, "Maximum": 1.0}},
            "NotImplementedException",
            "MetricData.member.2.StatisticValues",
        ),
        ({"Value": 1.0, "Unit": "Furlongs"}, "ValidationError", "MetricData.member.2.Unit must be one of Seconds,"),
        ({"Value": 1.0, "MetricName": " "}, "InvalidParameterValue", "' '"),
        ({"Value": 1.0, "MetricName": "m" * 256}, "ValidationError", "member.2.MetricName"),
        ({"Value": 1.0, "Dimensions": dimensions(a=" ")}, "InvalidParameterValue", "' '"),
        ({"Value": 1.0, "Dimensions": dimensions(a="v" * 1025)}, "ValidationError", "Dimensions.member.1.Value"),
        ({"Value": 1.0, "Dimensions": dimensions(a="ü")}, "InvalidParameterValue", "'ü'"),
        (
            {"Value": 1.0, "Dimensions": dimensions(**{f"d{number}": "1" for number in range(31)})},
            "ValidationError",
            "member.2.Dimensions",
        ),
    ],
)
def test_one_wrong_value_and_nothing_is_put(
    cloudwatch: CloudWatch, change: dict[str, Any], code: str, named: str
) -> None:
    refused = cloudwatch.refusal("PutMetricData", Namespace="N", MetricData=[datum(Value=1.0), datum(**change)])
    assert refused[0] == code
    assert named in refused[1]
    assert cloudwatch.metrics.all() == []


@pytest.mark.parametrize(
    ("members", "code", "named"),
    [
        ({"Namespace": ":N", "MetricData": [datum(Value=1.0)]}, "ValidationError", "Namespace"),
        ({"Namespace": "n" * 256, "MetricData": [datum(Value=1.0)]}, "ValidationError", "Namespace"),
        ({"Namespace": "N"}, "InvalidParameterValue", "MetricData"),
        ({"Namespace": "N", "MetricData": []}, "InvalidParameterValue", "MetricData"),
        ({"Namespace": "N", "MetricData": [datum(Value=1.0)] * 1001}, "InvalidParameterValue", "MetricData"),
        ({"Namespace": "N", "EntityMetricData": [{}]}, "NotImplementedException", "EntityMetricData"),
        (
            {"Namespace": "N", "MetricData": [datum(Value=1.0)], "StrictEntityValidation": True},
            "NotImplementedException",
            "StrictEntityValidation",
        ),
    ],
)
def test_put_requests_that_are_refused(cloudwatch: CloudWatch, members: dict[str, Any], code: str, named: str) -> None:
    refused = cloudwatch.refusal("PutMetricData", **members)
    assert refused[0] == code
    assert named in refused[1]
