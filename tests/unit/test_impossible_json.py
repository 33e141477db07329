"""JSON from outside that Python's own reader gives up on: whoever reads it refuses it as any other that is none."""

import base64
from collections.abc import Callable
from typing import Any

import pytest

from firstbyte.config import Config
from firstbyte.failures import RequestError
from firstbyte.meter import Objectives
from firstbyte.pricing import Prices
from firstbyte.request import parse_request
from probe.json_object import parse_object
from sandbox.aws_api.contract import ApiError
from sandbox.aws_api.protocol import _json
from sandbox.bedrock.app import _parse
from sandbox.bedrock.errors import RefusedError
from sandbox.cloudwatch.emf import emf_points
from sandbox.invocation import FunctionError
from sandbox.lambda_service.response_head import PreludeReader, ResponseHeadError, buffered_response
from sandbox.lambda_service.runtime_api import _reported_error, _trailed_error

CONFIG = Config("eu-central-1", ("a.b",), None, 2000, 10**9, 60, Objectives(2000, 100), Prices({}))
TEXTS = {
    "lists": "[" * 15_000,
    "objects": '{"a":' * 3_000,
    "a number with too many digits": '{"statusCode": ' + "1" * 5000 + "}",
    "no JSON": "NaN-",
}


def trailed(text: str) -> str:
    error = _trailed_error([(b"lambda-runtime-function-error-body", base64.b64encode(text.encode()))])
    assert error
    return error.type


# What each gives, and None for a refusal.
READERS: dict[str, tuple[Callable[[str], Any], type[Exception], Any]] = {
    "the prelude of a stream": (lambda text: PreludeReader().feed(text.encode() + bytes(8)), ResponseHeadError, None),
    "a buffered response": (lambda text: buffered_response(text.encode())[0].status, ResponseHeadError, 200),
    "the report of an error": (lambda text: _reported_error(None, text.encode()).type, ValueError, "Runtime.Unknown"),
    "the trailers of a stream": (trailed, ValueError, "Runtime.Unknown"),
    "EMF": (emf_points, ValueError, []),
    "a request to Bedrock": (lambda text: _parse(text.encode()), RefusedError, None),
    "a request to CloudWatch": (lambda text: _json(text.encode()), ApiError, None),
    "a request to the function": (lambda text: parse_request({"body": text}, CONFIG), RequestError, None),
    "an answer that the probe reads": (parse_object, ValueError, None),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("text", TEXTS)
def test_is_refused_as_any_other(reader: str, text: str) -> None:
    read, refusal, otherwise = READERS[reader]
    try:
        given = read(TEXTS[text])
    except refusal:
        given = otherwise
    assert given == otherwise


@pytest.mark.parametrize("text", TEXTS)
def test_an_errors_summary_has_its_type(text: str) -> None:
    assert FunctionError("Type", TEXTS[text]).summary.startswith("Type: ")
