"""CloudWatch Logs' operations without the HTTP in front of them: requests and results in botocore's shapes, exactly."""

import json
from functools import cache
from typing import Any

import pytest
from botocore.loaders import Loader
from botocore.parsers import create_parser
from botocore.validate import ParamValidator
from moto.core.model import ServiceModel
from moto.core.serialize import JSONSerializer

from sandbox.aws_api.contract import ApiError
from sandbox.logs.api import operations
from sandbox.logs.logs import Logs
from sandbox.store import Store

GROUP = "/aws/lambda/firstbyte-streaming"


@cache
def service_model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("logs", "service-2"), "logs")


class LogsCalls:
    """Call an operation with its parameters: `logs("FilterLogEvents", logGroupName=GROUP)`."""

    def __init__(self, store: Store | None = None) -> None:
        self.logs = Logs(store or Store())
        self._operations = operations(self.logs)

    def __call__(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """The result as botocore reads it from what moto writes: nothing may get lost on the way."""
        model = service_model().operation_model(operation)
        report = ParamValidator().validate(parameters, model.input_shape)
        assert not report.has_errors(), report.generate_report()
        result = self._operations[operation](parameters)
        response: Any = JSONSerializer(model).serialize(result)
        raw = {"body": response["body"].encode(), "headers": response["headers"], "status_code": 200}
        parsed: dict[str, Any] = create_parser("json").parse(raw, model.output_shape)
        del parsed["ResponseMetadata"]
        assert parsed == result
        return parsed

    def pages(self, operation: str, **parameters: Any) -> list[dict[str, Any]]:
        """All pages of a list, in order."""
        pages = [self(operation, **parameters)]
        while "nextToken" in pages[-1]:
            pages.append(self(operation, **{**parameters, "nextToken": pages[-1]["nextToken"]}))
        return pages

    def refusal(self, operation: str, **parameters: Any) -> tuple[str, str]:
        """The error's code and message."""
        with pytest.raises(ApiError) as caught:
            self(operation, **parameters)
        assert caught.value.status == (501 if caught.value.code == "NotImplementedException" else 400)
        return caught.value.code, str(caught.value)

    def put(self, *lines: Any, stream: str = "s", time_ms: int = 1_000, step_ms: int = 0, group: str = GROUP) -> None:
        """Put lines, the first at `time_ms` and each next one `step_ms` later; what is no string is written as JSON."""
        for number, line in enumerate(lines):
            message = line if isinstance(line, str) else json.dumps(line)
            self.logs.put(group, stream, time_ms + number * step_ms, message)

    def filter(self, pattern: str) -> list[str]:
        """The messages that match a filter pattern."""
        return [
            event["message"] for event in self("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)["events"]
        ]

    def query(self, query: str, start: int = 0, end: int = 10_000, group: str = GROUP) -> list[dict[str, str]]:
        """The rows of a Logs Insights query, without `@ptr`."""
        rows = self.answer(query, start, end, group)["results"]
        return [{cell["field"]: cell["value"] for cell in row if cell["field"] != "@ptr"} for row in rows]

    def answer(self, query: str, start: int = 0, end: int = 10_000, *groups: str) -> dict[str, Any]:
        """What GetQueryResults says of a query."""
        names = list(groups or [GROUP])
        started = self("StartQuery", logGroupNames=names, queryString=query, startTime=start, endTime=end)
        return self("GetQueryResults", queryId=started["queryId"])
