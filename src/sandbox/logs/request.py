"""What the operations have in common: limits, pages of a list, and the error for a request that makes no sense."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sandbox.aws_api.contract import ApiError


def invalid(message: str) -> ApiError:
    """Return the error for a parameter that makes no sense."""
    return ApiError("InvalidParameterException", message)


def limit_of(request: Mapping[str, Any], most: int) -> int:
    """Return how many items a response may have: the request's `limit`, or the most that there may be.

    Raises:
        ApiError: InvalidParameterException, it is out of bounds.
    """
    limit = int(request.get("limit", most))
    if not 1 <= limit <= most:
        raise invalid(f"limit must be from 1 to {most}, not {limit}")
    return limit


def page(
    items: Sequence[dict[str, Any]], key: Callable[[dict[str, Any]], str], request: Mapping[str, Any], member: str
) -> dict[str, Any]:
    """Return the response with the page of a list that a request's `limit` and `nextToken` ask for.

    The token is the key of the page's last item, so that a list that grows in the meantime gives nothing twice.

    Args:
        items: the whole list, in order.
        key: gives an item's place in the order: in ascending order, unless the request says `descending`.
        request: the request.
        member: the response's name for the list.
    """
    limit = limit_of(request, 50)
    token = request.get("nextToken")
    if token is not None:
        items = [item for item in items if (key(item) < token if request.get("descending") else key(item) > token)]
    following = {"nextToken": key(items[limit - 1])} if len(items) > limit else {}
    return {member: list(items[:limit]), **following}
