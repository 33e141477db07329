"""The same data in moto and in the engine: what moto is right about, both say."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws

from cloudwatch_calls import START, CloudWatch, stat

METRICS = [("Latency", "service"), ("Latency", "model"), ("Errors", "service")]
STATISTICS = ["SampleCount", "Average", "Sum", "Minimum", "Maximum"]
PERIODS = [60, 300, 3600]
# moto's periods begin where the range does or with the first value: here both are where CloudWatch's begin.
HOURS = {"StartTime": START, "EndTime": START + timedelta(hours=1)}


@pytest.fixture(scope="module")
def moto() -> Iterator[Any]:
    with mock_aws():
        keys = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
        yield boto3.client("cloudwatch", region_name="us-east-1", **keys)


@pytest.fixture(scope="module")
def cloudwatch(moto: Any) -> CloudWatch:
    """The engine; it and moto have been given the same."""
    cloudwatch = CloudWatch()
    generator = random.Random(3)
    for name, dimension in METRICS:
        data = [
            {
                "MetricName": name,
                "Dimensions": [{"Name": dimension, "Value": "x"}],
                "Timestamp": START + timedelta(seconds=generator.randrange(3000) if place else 0),
                **(
                    {"Value": generator.uniform(-10, 100)}
                    if place % 3
                    else {"Values": [1.0, 2.5, 8.0], "Counts": [float(generator.randint(1, 5)) for _ in range(3)]}
                ),
            }
            for place in range(120)
        ]
        moto.put_metric_data(Namespace="N", MetricData=data)
        cloudwatch("PutMetricData", Namespace="N", MetricData=data)
    return cloudwatch


def test_get_metric_data(moto: Any, cloudwatch: CloudWatch) -> None:
    queries = [
        stat(
            f"{name.lower()}_{dimension}_{statistic.lower()}_{period}",
            statistic,
            name,
            period,
            dimensions={dimension: "x"},
        )
        for name, dimension in [("Latency", "service"), ("Latency", "model"), ("Errors", "service")]
        for statistic in STATISTICS
        for period in PERIODS
    ]
    theirs = moto.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending", **HOURS)["MetricDataResults"]
    ours = cloudwatch("GetMetricData", MetricDataQueries=queries, ScanBy="TimestampAscending", **HOURS)[
        "MetricDataResults"
    ]
    assert [result["Id"] for result in ours] == [result["Id"] for result in theirs]
    for their, our in zip(theirs, ours, strict=True):
        assert their["Values"], "moto has found nothing: there is nothing to compare"
        assert our["Timestamps"] == their["Timestamps"], our["Id"]
        assert our["Values"] == pytest.approx(their["Values"]), our["Id"]


@pytest.mark.parametrize("period", PERIODS)
def test_get_metric_statistics(moto: Any, cloudwatch: CloudWatch, period: int) -> None:
    request = {
        "Namespace": "N",
        "MetricName": "Errors",
        "Dimensions": [{"Name": "service", "Value": "x"}],
        "Period": period,
        "Statistics": STATISTICS,
        **HOURS,
    }
    theirs = sorted(moto.get_metric_statistics(**request)["Datapoints"], key=lambda point: point["Timestamp"])
    ours = cloudwatch("GetMetricStatistics", **request)["Datapoints"]
    assert len(theirs) == len(ours) > 0
    for their, our in zip(theirs, ours, strict=True):
        assert our["Timestamp"] == their["Timestamp"]
        assert {name: our[name] for name in STATISTICS} == pytest.approx({name: their[name] for name in STATISTICS})


@pytest.mark.parametrize(
    "filters",
    [
        {},
        {"Namespace": "N"},
        {"MetricName": "Latency"},
        {"Dimensions": [{"Name": "service", "Value": "x"}]},
        {"Namespace": "M"},
    ],
)
def test_list_metrics(moto: Any, cloudwatch: CloudWatch, filters: dict[str, Any]) -> None:
    theirs = moto.list_metrics(**filters)["Metrics"]
    ours = cloudwatch("ListMetrics", **filters)["Metrics"]
    assert sorted(map(repr, ours)) == sorted(
        repr({key: metric[key] for key in ("Namespace", "MetricName", "Dimensions")}) for metric in theirs
    )
