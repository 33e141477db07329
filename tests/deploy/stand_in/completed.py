"""What moto's services lack: saved queries, composite alarms, an alias's URL, properties of functions and alarms."""

import json
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

from moto.awslambda.exceptions import GenericResourcNotFound
from moto.awslambda.models import LambdaFunction
from moto.awslambda.responses import LambdaResponse
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.common_types import TYPE_RESPONSE
from moto.core.responses import ActionResult
from moto.logs.responses import LogsResponse

# By the alias's ARN.
_urls: dict[str, dict[str, Any]] = {}
_query_definitions: dict[str, dict[str, Any]] = {}


def _put_query_definition(self: LogsResponse) -> str:
    given = json.loads(self.body)
    identifier = given.setdefault("queryDefinitionId", str(uuid.uuid4()))
    _query_definitions[identifier] = given
    return json.dumps({"queryDefinitionId": identifier})


def _describe_query_definitions(self: LogsResponse) -> str:
    return json.dumps({"queryDefinitions": list(_query_definitions.values())})


def _delete_query_definition(self: LogsResponse) -> str:
    del _query_definitions[json.loads(self.body)["queryDefinitionId"]]
    return json.dumps({"success": True})


def _asked_alias(self: LambdaResponse) -> str:
    return f"{unquote(self.path.split('/')[-2])}:{self.querystring['Qualifier'][0]}"


def _create_function_url_config(self: LambdaResponse) -> TYPE_RESPONSE:
    url = f"https://{uuid.uuid4().hex}.lambda-url.{self.region}.on.aws/"
    fixed = {"FunctionUrl": url, "FunctionArn": _asked_alias(self), "CreationTime": datetime.now(UTC).isoformat()}
    made = _urls[_asked_alias(self)] = {**json.loads(self.body), **fixed}
    return 201, {"status": 201}, json.dumps(made)


def _get_function_url_config(self: LambdaResponse) -> TYPE_RESPONSE:
    if _asked_alias(self) not in _urls:
        raise GenericResourcNotFound
    return 200, {"status": 200}, json.dumps(_urls[_asked_alias(self)])


def _update_function_url_config(self: LambdaResponse) -> TYPE_RESPONSE:
    _urls[_asked_alias(self)].update(json.loads(self.body))
    return 200, {"status": 200}, json.dumps(_urls[_asked_alias(self)])


def _delete_function_url_config(self: LambdaResponse) -> TYPE_RESPONSE:
    del _urls[_asked_alias(self)]
    return 204, {"status": 204}, ""


def _keeping_functions() -> None:
    """Have functions keep their LoggingConfig, and changes of their TracingConfig and Architectures."""
    init, change, read = LambdaFunction.__init__, LambdaFunction.update_configuration, LambdaFunction.get_configuration
    replace_code = LambdaFunction.update_function_code

    def created(self: Any, account_id: str, spec: dict[str, Any], *more: Any, **named: Any) -> None:
        init(self, account_id, spec, *more, **named)
        self.logging_config = spec.get("LoggingConfig")

    def changed(self: Any, updates: dict[str, Any]) -> dict[str, Any]:
        self.logging_config = updates.get("LoggingConfig", self.logging_config)
        self.tracing_config = updates.get("TracingConfig", self.tracing_config)
        return change(self, updates)

    def described(self: Any, *more: Any, **named: Any) -> dict[str, Any]:
        return {**read(self, *more, **named), "LoggingConfig": self.logging_config}

    def with_other_code(self: Any, updates: dict[str, Any]) -> dict[str, Any]:
        self.architectures = updates.get("Architectures", self.architectures)
        return replace_code(self, updates)

    for name, function in (
        ("__init__", created),
        ("update_configuration", changed),
        ("get_configuration", described),
        ("update_function_code", with_other_code),
    ):
        setattr(LambdaFunction, name, function)


def _keeping_warm_ups() -> None:
    """Have alarms keep their WarmUpConfiguration."""
    put = CloudWatchResponse.put_metric_alarm

    def kept(self: Any) -> ActionResult:
        answer = put(self)
        alarm = self.cloudwatch_backend.alarms[self._get_param("AlarmName")]
        alarm.warm_up_configuration = self._get_param("WarmUpConfiguration")
        return answer

    CloudWatchResponse.put_metric_alarm = kept  # type: ignore[method-assign]


def complete_moto() -> None:
    """Give moto's services what they lack."""
    for operation in (_put_query_definition, _describe_query_definitions, _delete_query_definition):
        setattr(LogsResponse, operation.__name__.removeprefix("_"), operation)
    # moto's own URLs are of a function and know of no alias.
    for of_url in (
        _create_function_url_config,
        _get_function_url_config,
        _update_function_url_config,
        _delete_function_url_config,
    ):
        setattr(LambdaResponse, of_url.__name__.removeprefix("_"), of_url)
    _keeping_warm_ups()
    # moto reads a composite alarm's rule where it reads a metric alarm's parameters.
    CloudWatchResponse.put_composite_alarm = CloudWatchResponse.put_metric_alarm  # type: ignore[attr-defined]
    _keeping_functions()
