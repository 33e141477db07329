"""Sends what is published to CloudWatch through curl and understands its refusals."""

import html
from collections.abc import Callable, Mapping, Sequence

from . import publication
from .connection import Connection
from .credentials import Credentials
from .curl import BODY, HEADER, configuration
from .response_head import parse_response_head
from .target import Target
from .waiting import explained

_HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_TIMEOUT_SECONDS = 30.0
_MESSAGE_LENGTH = 200


class PublicationError(Exception):
    """CloudWatch did not take a request; the message says which one, why, and how many values it had taken before."""


def send(
    documents: Sequence[publication.Document], target: Target, credentials: Credentials, environment: Mapping[str, str]
) -> int:
    """Send the requests of `publication.documents` one after another, up to the first that fails.

    Returns:
        How many values they hold.

    Raises:
        PublicationError: CloudWatch refused a request, could not be reached, or took longer than 30 s.
    """
    config = configuration(target, credentials, "monitoring", _HEADERS, _TIMEOUT_SECONDS)
    counts = [publication.count(document) for document in documents]
    for index, document in enumerate(documents):
        with explained(f"CloudWatch at {target.url}"):
            failure = _put(publication.form(document), config, environment, credentials.hidden_in)
        if failure is not None:
            raise PublicationError(
                f"{sum(counts[:index])} of {sum(counts)} values are, "
                f"then request {index + 1} of {len(documents)} to {target.url} failed: {failure}"
            )
    return sum(counts)


def _put(form: bytes, config: str, environment: Mapping[str, str], hidden: Callable[[str], str]) -> str | None:
    """Send one request; why it failed, or None. `hidden` gives a text without secrets."""
    received = {HEADER: bytearray(), BODY: bytearray()}
    with Connection(config, [form], environment) as connection:
        for arrival in connection.exchange():
            received[arrival.source] += arrival.data
    head = parse_response_head(bytes(received[HEADER]))
    if head is not None and head.status != 200:
        # Before it is shortened, and after XML's escapes are gone.
        return hidden(_refusal(head.status, hidden(received[BODY].decode(errors="replace"))))
    assert connection.figures is not None  # the exchange has come to its end
    return hidden(connection.figures.message) if connection.figures.exit_code != 0 else None


def _refusal(status: int, text: str) -> str:
    """CloudWatch's code and message, else the beginning of what came in their place."""
    # Two elements of a small document that is not trusted: it is searched rather than parsed.
    said = ": ".join(html.unescape(found) for name in ("Code", "Message") if (found := _element(text, name)))
    return f"HTTP {status}: {said or text[:_MESSAGE_LENGTH] or 'the response has no body'}"


def _element(text: str, name: str) -> str:
    """What the first element of this name holds; "" when there is none or it does not end."""
    content, end, _ = text.partition(f"<{name}>")[2].partition(f"</{name}>")
    return content if end else ""
