"""What an engine offers to the AWS endpoint: its operations by name, and the errors that they answer with."""

from collections.abc import Callable, Mapping, Set
from typing import Any

# An operation gets the parsed request and returns the result, both in the shapes of botocore's service model: a dict by
# member name, timestamps as aware datetimes. It may take its time: the endpoint calls it on a thread of its own.
Operation = Callable[[Mapping[str, Any]], dict[str, Any]]
Operations = Mapping[str, Operation]


class ApiError(Exception):
    """An error for the caller of the API."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        """Make the error.

        Args:
            code: as botocore's service model names it, such as `InvalidParameterValue`.
            message: says what is wrong and what to do.
            status: the HTTP status.
        """
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status


def not_supported(what: str) -> ApiError:
    """Return the refusal of something that AWS has and the sandbox does not: never answered wrongly."""
    return ApiError("NotImplementedException", f"the sandbox does not support {what}", 501)


def refuse_others(operation: str, request: Mapping[str, Any], understood: Set[str]) -> None:
    """Refuse, by name, a member of a request that the operation does not understand.

    Raises:
        ApiError: there is one.
    """
    for member in request.keys() - understood:
        raise not_supported(f"{operation} with {member}")
