"""The stack's EventBridge schedules as frozen specs: a function, a rate in minutes, and no retries.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.lambda_service.function import FunctionSpec, function
from template.errors import TemplateError, well_formed
from template.resources import Resource

_RATE = re.compile(r"rate\((?P<minutes>\d+) minutes?\)")
# The defaults: how often Scheduler tries to reach Lambda again, and how often Lambda runs a failed function again.
_SCHEDULER_RETRIES, _LAMBDA_RETRIES = 185, 2


@dataclass(frozen=True)
class Schedule:
    """A function that runs every so many minutes, the first time at once."""

    arn: str
    function: FunctionSpec
    minutes: int


def schedules(resources: Mapping[str, Resource], path: Path, region: str) -> list[Schedule]:
    """Return the stack's schedules.

    Args:
        resources: those of the stack that `read_stack` returned.
        path: the template; relative directories in it count from its own.
        region: the stack's.

    Raises:
        TemplateError: a schedule, or its function, is one that the sandbox cannot run.
    """
    found = []
    for resource in resources.values():
        if resource.type == "AWS::Scheduler::Schedule":
            with well_formed(resource.properties.where):
                found.append(_schedule(resource, resources, path, region))
    return found


def _schedule(resource: Resource, resources: Mapping[str, Resource], path: Path, region: str) -> Schedule:
    properties = resource.properties
    expression = str(properties.required("ScheduleExpression"))
    rate = _RATE.fullmatch(expression)
    if rate is None or int(rate["minutes"]) == 0 or "StartDate" in properties:
        raise TemplateError(f"{properties.where}: the sandbox runs rate(N minutes), no StartDate, not {expression}")
    target = properties.required("Target")
    if "Input" in target:
        raise TemplateError(f"{properties.where}.Target.Input: the sandbox sends Scheduler's own event")
    _check_retries(target.get("RetryPolicy", {}), _SCHEDULER_RETRIES, f"{properties.where}.Target.RetryPolicy")
    names = [
        name
        for name, found in resources.items()
        if found.type == "AWS::Serverless::Function" and found.return_value("Arn") == target.get("Arn")
    ]
    if not names:
        raise TemplateError(f"{properties.where}.Target.Arn must be that of a function of this template")
    invoked = resources[names[0]].properties
    _check_retries(invoked.get("EventInvokeConfig", {}), _LAMBDA_RETRIES, f"{invoked.where}.EventInvokeConfig")
    spec = function(names[0], resources, path, region)
    return Schedule(str(resource.return_value("Arn")), spec, int(rate["minutes"]))


def _check_retries(policy: Mapping[str, object], default: int, where: str) -> None:
    if str(policy.get("MaximumRetryAttempts", default)) != "0":
        raise TemplateError(f"{where}.MaximumRetryAttempts must be 0: the sandbox tries nothing again")
