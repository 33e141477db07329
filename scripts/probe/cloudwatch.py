"""Sends forms to CloudWatch through curl and understands its refusals."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping

from .credentials import Credentials
from .curl import BODY, HEADER, Transfer, configuration
from .response_head import parse_response_head
from .target import Target

_HEADERS = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
_TIMEOUT_SECONDS = 30.0
_MESSAGE_LENGTH = 200


class PublicationError(Exception):
    """CloudWatch did not take a form; the message says which one and why."""


def send(forms: Iterable[bytes], target: Target, credentials: Credentials, environment: Mapping[str, str]) -> None:
    """Send each form in a request of its own, up to the first that fails.

    Raises:
        PublicationError: CloudWatch refused a form, could not be reached, or took longer than 30 s.
    """
    config = configuration(target, credentials, "monitoring", _HEADERS, _TIMEOUT_SECONDS)
    for number, form in enumerate(forms, 1):
        received = {HEADER: b"", BODY: b""}
        with Transfer(config, form, environment) as transfer:
            for arrival in transfer:
                received[arrival.source] += arrival.data
        head = parse_response_head(received[HEADER])
        if head is not None and head.status != 200:
            raise PublicationError(f"request {number} to {target.url}: {_refusal(head.status, received[BODY])}")
        assert transfer.figures is not None  # the iteration has come to its end
        if transfer.figures.exit_code != 0:
            raise PublicationError(f"request {number} to {target.url}: {transfer.figures.message}")


def _refusal(status: int, body: bytes) -> str:
    """CloudWatch's code and message, else the beginning of what came in their place."""
    text = body.decode(errors="replace")
    # Two elements of a small document that is not trusted: it is searched rather than parsed.
    found = [re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL) for name in ("Code", "Message")]
    said = ": ".join(html.unescape(match[1]) for match in found if match)
    return f"HTTP {status}: {said or text[:_MESSAGE_LENGTH] or 'the response has no body'}"
