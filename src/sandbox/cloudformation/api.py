"""CloudFormation's operation DescribeStacks, on the one stack that there is.

https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported, refuse_others
from template.errors import TemplateError
from template.resources import Stack


def operations(stack: Stack) -> Operations:
    """Return the operations on this stack, by name; it is as old as they are."""
    return {"DescribeStacks": partial(_describe_stacks, stack, datetime.now(UTC))}


def _describe_stacks(stack: Stack, created: datetime, request: Mapping[str, Any]) -> dict[str, Any]:
    refuse_others("DescribeStacks", request, {"StackName"})
    name = request.get("StackName", stack.name)
    if name not in (stack.name, stack.id):
        raise ApiError("ValidationError", f"Stack with id {name} does not exist")
    try:
        outputs = stack.outputs()
    except TemplateError as error:
        raise not_supported(f"DescribeStacks of this template: {error}") from None
    described = {
        "StackId": stack.id,
        "StackName": stack.name,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": value if isinstance(value, str) else ",".join(value)}
            for key, value in stack.parameters.items()
        ],
        "CreationTime": created,
        "StackStatus": "CREATE_COMPLETE",
        "Outputs": [
            {
                "OutputKey": output.key,
                "OutputValue": output.value,
                **({"Description": output.description} if output.description else {}),
            }
            for output in outputs
        ],
    }
    return {"Stacks": [described]}
