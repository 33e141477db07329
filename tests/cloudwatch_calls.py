"""CloudWatch's operations without the HTTP in front of them, requests and results checked against botocore's model."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from sandbox.aws_api.contract import ApiError
from sandbox.cloudwatch.api import operations
from sandbox.cloudwatch.metrics import Metrics, Point
from sandbox.store import Store

# The full hour before last: a beginning for every period up to an hour, and recent enough for PutMetricData.
START = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
START_MS = int(START.timestamp() * 1000)
RANGE = {"StartTime": START, "EndTime": START + timedelta(hours=1)}


@cache
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")


class CloudWatch:
    """Call an operation with its parameters: `cloudwatch("ListMetrics", Namespace="N")`."""

    def __init__(self) -> None:
        self.metrics = Metrics(Store())
        self._operations = operations(self.metrics)

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        model = service_model().operation_model(operation)
        _validate(parameters, model.input_shape)
        result = self._operations[operation](parameters)
        if model.output_shape:
            _validate(result, model.output_shape)
        return result

    def refusal(self, operation: str, **parameters: Any) -> tuple[str, str]:
        """The error's code and message."""
        with pytest.raises(ApiError) as caught:
            self(operation, **parameters)
        assert 400 <= caught.value.status <= 501
        return caught.value.code, str(caught.value)

    def put(
        self,
        values: dict[int, float] | Iterable[float],
        name: str = "Latency",
        namespace: str = "N",
        unit: str = "None",
        counts: Iterable[float] | None = None,
        **dimensions: str,
    ) -> None:
        """Put values at seconds after START, or all at START, into the engine itself."""
        timed = list(values.items()) if isinstance(values, dict) else [(0, value) for value in values]
        self.metrics.put(
            Point(
                namespace,
                name,
                tuple(sorted(dimensions.items())),
                unit,
                START_MS + second * 1000,
                value,
                count,
            )
            for (second, value), count in zip(timed, counts or [1.0] * len(timed), strict=True)
        )

    def data(self, *queries: dict[str, Any], minutes: float = 60, **parameters: Any) -> dict[str, Any]:
        """GetMetricData from START on, in ascending order."""
        return self(
            "GetMetricData",
            MetricDataQueries=list(queries),
            **{
                "StartTime": START,
                "EndTime": START + timedelta(minutes=minutes),
                "ScanBy": "TimestampAscending",
                **parameters,
            },
        )


def stat(
    query_id: str, statistic: str = "Sum", name: str = "Latency", period: int = 60, namespace: str = "N", **members: Any
) -> dict[str, Any]:
    """A query of a metric's statistic; `dimensions` is a dict, other members go into the query itself."""
    metric = {"Namespace": namespace, "MetricName": name, "Dimensions": dimensions(**members.pop("dimensions", {}))}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period, "Stat": statistic}, **members}


def expression(query_id: str, text: str, **members: Any) -> dict[str, Any]:
    return {"Id": query_id, "Expression": text, **members}


def seconds(result: dict[str, Any]) -> dict[int, float]:
    """One of MetricDataResults as values by seconds after START."""
    times = [int((time - START).total_seconds()) for time in result["Timestamps"]]
    return dict(zip(times, result["Values"], strict=True))


def _validate(value: Any, shape: Shape) -> None:
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


def dimensions(**values: str) -> list[dict[str, str]]:
    """Dimensions in the API's shape."""
    return [{"Name": name, "Value": value} for name, value in values.items()]


def datum(**members: Any) -> dict[str, Any]:
    """A MetricDatum of the metric `Latency` at `START`."""
    return {"MetricName": "Latency", "Timestamp": START, **members}
