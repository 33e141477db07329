"""What botocore's model of CloudWatch's API says about a request: types, required members, lengths and enumerations."""

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from botocore.loaders import create_loader
from botocore.model import ServiceModel, Shape
from botocore.validate import ParamValidator

from sandbox.aws_api.contract import ApiError, Operation, Operations, not_supported

_VALIDATOR = ParamValidator()


@cache
def _model() -> ServiceModel:
    return ServiceModel(create_loader().load_service_model("cloudwatch", "service-2"), "cloudwatch")


@cache
def shape(name: str) -> Shape:
    """Return a shape of the model, such as `StandardUnit`; the input of an operation is called `NAMEInput`."""
    return _model().shape_for(name)


def check(value: object, shape: Shape) -> None:
    """Check a value of any origin against a shape.

    Raises:
        ValueError: a member is missing, unknown, of another type or breaks a limit; the message names it.
    """
    report = _VALIDATOR.validate(value, shape)
    if report.has_errors():
        raise ValueError("; ".join(report.generate_report().splitlines()))
    check_limits(value, shape)


def check_limits(value: Any, shape: Shape, where: str = "") -> None:
    """Check what botocore leaves to the service: greatest lengths and numbers, patterns and enumerations.

    Args:
        value: of the shape's type.
        shape: the shape.
        where: the value's place in the request, for the message.

    Raises:
        ValueError: the value, or a part of it, breaks a limit.
    """
    limits = shape.metadata
    if isinstance(value, str):
        value.encode()  # JSON can say half of a surrogate pair, which no table can hold
    if isinstance(value, dict):
        for name, item in value.items():
            check_limits(item, shape.members[name], f"{where}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value, 1):
            check_limits(item, shape.member, f"{where}.member.{number}")
    if "enum" in limits and value not in limits["enum"]:
        raise ValueError(f"{where} must be one of {', '.join(limits['enum'])}, not {value!r}")
    if "pattern" in limits and not re.fullmatch(limits["pattern"], value):
        raise ValueError(f"{where} must match {limits['pattern']}, not {value!r}")
    if "max" in limits and (len(value) if isinstance(value, str | list) else value) > limits["max"]:
        raise ValueError(f"{where} is longer or greater than {limits['max']}")


def checked(operations: Mapping[str, tuple[Operation, set[str]]]) -> Operations:
    """Return operations that refuse, by name, what they do not understand or what breaks the model's limits.

    Args:
        operations: each with the members of its request that it understands.
    """
    return {name: partial(_checked, name, *entry) for name, entry in operations.items()}


def _checked(name: str, operation: Operation, understood: set[str], request: Mapping[str, Any]) -> dict[str, Any]:
    for member, value in request.items():
        # A flag that is not set asks for nothing.
        if member not in understood and value is not False:
            raise not_supported(f"{member} in {name}")
    try:
        check_limits(request, shape(f"{name}Input"))
    except ValueError as error:
        raise ApiError("ValidationError", f"The parameter {error}.") from None
    return operation(request)
