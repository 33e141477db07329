"""Checks of JSON request bodies that complain in the words of Bedrock's own validation; no format of any one model."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from sandbox.bedrock.errors import RefusedError, invalid

Check = Callable[[Any, str], None]
"""Takes a value and its place, such as `#/messages/0`; raises RefusedError."""


def malformed(place: str, complaint: str) -> RefusedError:
    """A refusal that says where in the body what is wrong."""
    return invalid(f"Malformed input request: {place}: {complaint}, please reformat your input and try again.")


def record(required: Mapping[str, Check] | None = None, optional: Mapping[str, Check] | None = None) -> Check:
    """An object with these members and no others."""
    needed = required or {}
    members = {**needed, **(optional or {})}

    def check(value: Any, place: str) -> None:
        _expect(dict, value, place)
        for key in needed:
            if key not in value:
                raise malformed(place, f"required key [{key}] not found")
        for key, member in value.items():
            if key not in members:
                raise malformed(place, f"extraneous key [{key[:64]}] is not permitted")
            members[key](member, f"{place}/{key}")

    return check


def array(item: Check, minimum: int = 0) -> Check:
    """A list of at least `minimum` items that all pass one check."""

    def check(value: Any, place: str) -> None:
        _expect(list, value, place)
        if len(value) < minimum:
            raise malformed(place, f"expected minimum item count: {minimum}, found: {len(value)}")
        for index, each in enumerate(value):
            item(each, f"{place}/{index}")

    return check


def string(minimum: int = 0) -> Check:
    """A string of at least `minimum` characters that UTF-8 can carry."""

    def check(value: Any, place: str) -> None:
        _expect(str, value, place)
        if len(value) < minimum:
            raise malformed(place, f"expected minLength: {minimum}, actual: {len(value)}")
        try:
            value.encode()
        except UnicodeEncodeError:
            raise malformed(place, "half of a surrogate pair is not a character") from None

    return check


def choice(*values: str) -> Check:
    """One of some strings."""

    def check(value: Any, place: str) -> None:
        _expect(str, value, place)
        if value not in values:
            raise malformed(place, f"{value[:64]} is not a valid enum value")

    return check


def integer(minimum: int, maximum: int | None = None) -> Check:
    """A whole number within bounds, both included."""

    def check(value: Any, place: str) -> None:
        if type(value) is not int:
            raise _mistyped("Integer", value, place)
        _within(minimum, value, maximum, place)

    return check


def number(minimum: float, maximum: float) -> Check:
    """A number within bounds, both included."""

    def check(value: Any, place: str) -> None:
        if type(value) not in (int, float):
            raise _mistyped("Number", value, place)
        _within(minimum, value, maximum, place)

    return check


def either(text: Check, other: Check) -> Check:
    """A string that passes the first check, or anything else that passes the second."""
    return lambda value, place: text(value, place) if isinstance(value, str) else other(value, place)


def anything(_value: Any, _place: str) -> None:
    """Any value: what the scripted models have no use for."""


def alternating(messages: Sequence[Mapping[str, Any]]) -> None:
    """Check that messages begin with a user's and that the roles alternate.

    Raises:
        RefusedError: they don't; the words are the service's own.
    """
    starting_with_user(messages)
    roles = [message["role"] for message in messages]
    if any(left == right for left, right in pairwise(roles)):
        raise invalid(
            "A conversation must alternate between user and assistant roles. "
            "Make sure the conversation alternates between user and assistant roles and try again."
        )


def starting_with_user(messages: Sequence[Mapping[str, Any]]) -> None:
    """Check that the first message is a user's.

    Raises:
        RefusedError: it isn't; the words are the service's own.
    """
    if messages[0]["role"] != "user":
        raise invalid(
            "A conversation must start with a user message. "
            "Try again with a conversation that starts with a user message."
        )


_NAMES = {
    dict: "JSONObject",
    list: "JSONArray",
    str: "String",
    bool: "Boolean",
    int: "Integer",
    float: "BigDecimal",
    type(None): "Null",
}


def _mistyped(expected: str, value: Any, place: str) -> RefusedError:
    return malformed(place, f"expected type: {expected}, found: {_NAMES[type(value)]}")


def _expect(kind: type, value: Any, place: str) -> None:
    if not isinstance(value, kind):
        raise _mistyped(_NAMES[kind], value, place)


def _within(minimum: float, value: float, maximum: float | None, place: str) -> None:
    if value < minimum:
        raise malformed(place, f"{value} is not greater or equal to {minimum}")
    if maximum is not None and value > maximum:
        raise malformed(place, f"{value} is not less or equal to {maximum}")
