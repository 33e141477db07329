"""The sandbox's own doors: Bedrock's requests and directives, the Runtime API's bytes, and signatures."""

import asyncio
import contextlib
import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from botocore.eventstream import EventStreamBuffer
from hypothesis import example, given
from hypothesis import strategies as st

from bedrock_service import CLAUDE, LLAMA, NOVA
from mutations import CUTS, ODD_TEXTS, as_json, examples, in_pieces, spoiled, spoiled_bytes, spoiled_text
from sandbox.bedrock import converse
from sandbox.bedrock.answer import compose
from sandbox.bedrock.app import _understand
from sandbox.bedrock.dialect import Latency
from sandbox.bedrock.errors import RefusedError
from sandbox.bedrock.models import find_model
from sandbox.bedrock.script import ScriptError, parse_directive, script_for, split_directives
from sandbox.invocation import FunctionError, Invocation, ResponseEnd, ResponseStart
from sandbox.lambda_service.log_events import Frames, Lines
from sandbox.lambda_service.runtime_api import RuntimeApi
from sandbox.signing.credentials import random_role
from sandbox.signing.sigv4 import Claim, RequestHead, SignatureRefusedError, claim_of
from sandbox.trace_context import trace_context

TEXT = "Hello [[sandbox: chunks=3 gap=0 ttft=0]]"
MESSAGES = [{"role": "user", "content": [{"text": TEXT}]}, {"role": "assistant", "content": [{"text": "a"}]}]
CONVERSE_BODY = {
    "messages": [*MESSAGES, {"role": "user", "content": [{"text": "b"}]}],
    "system": [{"text": "Be brief"}],
    "inferenceConfig": {"maxTokens": 5, "temperature": 0.5, "topP": 1, "stopSequences": ["END"]},
    "requestMetadata": {"request_id": "x"},
    "guardrailConfig": {"guardrailIdentifier": "abcd1234efgh", "guardrailVersion": "1"},
}
INVOKE_BODIES: dict[str, Any] = {
    CLAUDE: {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 5,
        "messages": [{"role": "user", "content": [{"type": "text", "text": TEXT}]}],
        "system": "Be brief",
        "temperature": 0.5,
        "stop_sequences": ["END"],
    },
    NOVA: {
        "schemaVersion": "messages-v1",
        "messages": [{"role": "user", "content": [{"text": TEXT}]}],
        "inferenceConfig": {"maxTokens": 5, "topK": 3},
    },
    LLAMA: {"prompt": f"<|start_header_id|>user<|end_header_id|>\n\n{TEXT}<|eot_id|>", "max_gen_len": 5},
}
NONE = parse_directive("")


def check_understood(api: str, model_id: str, body: Any) -> None:
    """Check that a request is refused, or understood and answered with events that botocore can read."""
    try:
        understood = _understand(as_json(body).encode(), api, find_model(model_id, "us-east-1"), NONE)
        model, dialect, _, answer = asyncio.run(understood)
    except RefusedError as refusal:
        json.dumps(refusal.error.body).encode()
        assert refusal.error.status == 400
        return
    latency = Latency(1, 2)
    sent = [*dialect.start(model, answer)]
    for delta in answer.deltas[:20]:
        sent += dialect.delta(answer, delta, latency)
    buffer = EventStreamBuffer()
    buffer.add_data(b"".join([*sent, *dialect.end(answer, latency)]))
    for message in buffer:
        json.loads(message.payload)


@given(spoiled(CONVERSE_BODY))
@examples(2)
def test_a_body_of_converse(body: Any) -> None:
    check_understood("ConverseStream", NOVA, body)


@pytest.mark.parametrize("model_id", INVOKE_BODIES)
@given(data=st.data())
@examples(1)
def test_a_body_of_a_family(model_id: str, data: st.DataObject) -> None:
    check_understood("InvokeModelWithResponseStream", model_id, data.draw(spoiled(INVOKE_BODIES[model_id])))


ARN = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-3-haiku-20240307-v1:0"


@given(spoiled_text(NOVA, CLAUDE, ARN, "us.amazon.nova-lite-v1:0:300k"))
@examples(2)
def test_a_model_id(model_id: str) -> None:
    with contextlib.suppress(RefusedError):
        assert find_model(model_id, "us-east-1").id == model_id


DIRECTIVES = (
    "[[sandbox: ttft=10 gap=2.5 chunks=7 stall=3:100 stall=5:1 reasoning=2 tool usage=none]] Hello",
    "a [[sandbox: fault=throttling:3 stop=end_turn input=1 own_output=2 for=nova]] b [[sandbox: echo]]",
    "[[sandbox: guardrail cache_read=3 cache_write=4 output=9 fault=drop:1]]",
)


@given(spoiled_text(*DIRECTIVES))
@example("[[sandbox: chunks=٣]]")
@example("[[sandbox:" * 9000)
@example("[[sandbox:" + "stall=1:0 " * 2000 + "]]")
@examples(4)
def test_a_prompt_with_directives(text: str) -> None:
    directives, outside = split_directives(text)
    assert len(outside) + sum(map(len, directives)) <= len(text)
    try:
        script = script_for(NOVA, NONE, text)
    except ScriptError as error:
        assert len(str(error)) < 500
        return
    assert 0 <= script.due_ms(10) < float("inf")
    model = find_model(NOVA, "us-east-1")
    prompt = (
        converse.read({"messages": [{"role": "user", "content": [{"text": text or "a"}]}]}) if text.strip() else None
    )
    if prompt and script.chunks < 1000 and script.reasoning < 1000:
        answer = compose(script, prompt)
        assert answer.usage is None or min(answer.usage.input, answer.usage.output, answer.usage.own_output) >= 0
        assert converse.start(model, answer)


# The Runtime API.


def posted(path: str, *lines: str, body: bytes = b"") -> bytes:
    return (
        "\r\n".join([f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: 127.0.0.1:PORT", *lines, "", ""]).encode()
        + body
    )


STREAMING = ("Lambda-Runtime-Function-Response-Mode: streaming", "Transfer-Encoding: chunked")
RUNTIMES = (
    posted(
        "invocation/ID/response",
        *STREAMING,
        "Content-Type: text/plain",
        "Trailer: Lambda-Runtime-Function-Error-Type",
        body=b"5\r\nhello\r\n3\r\nyou\r\n0\r\nLambda-Runtime-Function-Error-Type: E\r\n"
        b"Lambda-Runtime-Function-Error-Body: eyJlcnJvclR5cGUiOiAiRSJ9\r\n\r\n",
    ),
    posted("invocation/ID/response", "Content-Length: 2", body=b"{}"),
    posted("invocation/ID/error", "Content-Length: 45", body=b'{"errorType": "E", "errorMessage": "m", "a":1}'[:45]),
    posted("init/error", "Lambda-Runtime-Function-Error-Type: E", "Content-Length: 2", body=b"{}"),
)


def trailed(report: bytes) -> bytes:
    import base64

    return posted(
        "invocation/ID/response",
        *STREAMING,
        body=b"2\r\nhi\r\n0\r\nLambda-Runtime-Function-Error-Body: " + base64.b64encode(report) + b"\r\n\r\n",
    )


def failing(report: bytes) -> bytes:
    return posted("invocation/ID/error", f"Content-Length: {len(report)}", body=report)


@given(spoiled_bytes(*RUNTIMES), CUTS)
@example(failing(b"[" * 100_000), [])
@example(failing(b'{"errorType": ["a"], "errorMessage": {"b": 1}}'), [])
@example(failing(b'{"errorType": 5}'), [])
@example(failing(b'{"errorMessage": ' + b"[" * 900 + b"]" * 900 + b"}"), [])
@example(trailed(b"[" * 100_000), [])
@example(trailed(b'{"errorType": {"a": 1}}'), [])
@example(trailed(b'{"errorType": "\\ud800"}'), [])
@example(trailed(b'{"errorType": "E", "errorMessage": "\\ud800"}'), [])
@example(trailed(b'{"errorType": "a\\r\\nb"}'), [])
@examples(1)
def test_bytes_at_the_runtime_api(sent: bytes, cuts: list[int]) -> None:
    asyncio.run(_serve_a_runtime(sent, cuts))


async def _serve_a_runtime(sent: bytes, cuts: list[int]) -> None:
    """Give an invocation to a runtime that then sends these bytes, and hangs up."""
    problems: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    api = RuntimeApi()
    host, _, port = (await api.start()).partition(":")
    api.admit(os.getsid(0))
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n".replace(
            b"PORT", port.encode()
        )
    )
    await api.platforms_turn()
    invocation = Invocation(b"{}", trace_context(None, False, datetime.now(UTC)), "ID", "arn")
    api.deliver(invocation, 1)
    for piece in in_pieces(sent.replace(b"PORT", port.encode()), cuts):
        writer.write(piece)
        await writer.drain()
    writer.write_eof()
    with contextlib.suppress(OSError):
        await asyncio.wait_for(reader.read(), 5)
    writer.close()
    await api.drain()
    invocation.end(FunctionError("Runtime.ExitError", ""))
    items = [item async for item in invocation]
    last = items[-1]
    assert isinstance(last, ResponseEnd)
    if last.error:
        assert isinstance(last.error.type, str)
        assert "\n" not in last.error.summary
        for text in (last.error.type, last.error.details, last.error.summary):
            text.encode()  # as it is printed and kept
    for item in items:
        if isinstance(item, ResponseStart):
            assert not set("\r\n") & set(item.content_type)
    await api.close()
    assert problems == []


@given(spoiled_bytes(b"one\ntwo\n\nthree", b"\xff\xfe\n", b"x" * 5000 + b"\n"), CUTS)
@examples(1)
def test_lines_of_a_function(printed: bytes, cuts: list[int]) -> None:
    lines: list[str] = []
    cutter = Lines(lines.append)
    for piece in in_pieces(printed, cuts):
        cutter.feed(piece)
    cutter.flush()
    assert "\n".join(lines).rstrip("\n") == printed.decode(errors="replace").rstrip("\n")


FRAME = b"\xa5\x5a\x00\x03\x00\x00\x00\x07" + bytes(8) + b"one\ntwo"


@given(spoiled_bytes(FRAME * 2, b"no frame\n" + FRAME), CUTS)
@examples(1)
def test_frames_of_a_runtime(written: bytes, cuts: list[int]) -> None:
    whole: list[str] = []
    for pieces in ([written], in_pieces(written, cuts)):
        events: list[str] = []
        unpacked = Frames(events.append)
        for piece in pieces:
            unpacked.feed(piece)
        unpacked.flush()
        whole.append("".join(events))
    assert whole[0] == whole[1]
    assert len(whole[0].encode()) <= 3 * len(written)


# Signatures.

KEY = random_role()
NOW = datetime(2026, 11, 28, 12, 0, 0, tzinfo=UTC)


def signed(method: str = "POST", target: str = "/a?b=c&d=%20e", body: bytes = b"") -> RequestHead:
    request = AWSRequest(
        method, f"http://host{target}", {"host": "host", "x-amz-date": f"{NOW:%Y%m%dT%H%M%SZ}", "x-a": "b"}, body
    )
    request.context["timestamp"] = f"{NOW:%Y%m%dT%H%M%SZ}"
    auth = SigV4Auth(BotocoreCredentials(KEY.access_key_id, KEY.secret_access_key, KEY.session_token), "lambda", "r")
    request.headers["x-amz-security-token"] = KEY.session_token
    auth._inject_signature_to_request(
        request, auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    )
    return RequestHead(method, target, [(n.lower(), v) for n, v in request.headers.items()])


def verified(head: RequestHead, body: bytes) -> Claim:
    claim = claim_of(head, [KEY], "r", "lambda", NOW)
    claim.verify(body)
    return claim


BODY = b"{}"
GOOD = signed(body=BODY)


def test_the_sample_is_signed_well() -> None:
    assert verified(GOOD, BODY).by is KEY


@given(
    spoiled_text(GOOD.method),
    spoiled_text(GOOD.target),
    spoiled([list(pair) for pair in GOOD.headers]),
    spoiled_bytes(BODY),
)
@examples(2)
def test_a_signature(method: str, target: str, headers: Any, body: bytes) -> None:
    pairs = [(received_as(n), received_as(v)) for n, v in headers] if is_pairs(headers) else []
    try:
        verified(RequestHead(received_as(method), received_as(target), pairs), body)
    except SignatureRefusedError as refusal:
        assert KEY.secret_access_key not in f"{refusal} {refusal.reason}"
        return
    # Whatever was changed, what was signed was not.
    assert (method, body) == (GOOD.method, BODY)
    assert sorted(set(GOOD.headers) - set(pairs)) == []


def is_pairs(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair) for pair in value
    )


def received_as(text: str) -> str:
    """The text as it is decoded from the bytes of a header."""
    return text.encode(errors="replace").decode()


@given(st.sampled_from([name for name, _ in GOOD.headers]), spoiled_text(*(value for _, value in GOOD.headers)))
@examples(2)
def test_a_header_of_a_signature(name: str, value: str) -> None:
    headers = [(key, received_as(value) if key == name else old) for key, old in GOOD.headers]
    try:
        verified(replace(GOOD, headers=headers), BODY)
    except SignatureRefusedError as refusal:
        assert KEY.secret_access_key not in f"{refusal} {refusal.reason}"
    else:
        # Blanks around a value are no part of it.
        assert " ".join(value.split()) == " ".join(dict(GOOD.headers)[name].split()) or name == "authorization"


@given(ODD_TEXTS | spoiled_text("Root=1-6a1b2c3d-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1"))
@examples(2)
def test_a_trace_header(given_header: str) -> None:
    context = trace_context(given_header, True, NOW)
    assert context.header.isascii()
    assert not set("\r\n") & set(context.header)
