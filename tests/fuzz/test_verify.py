"""`scripts/verify.sh`: whatever the function answers and whatever was recorded, each check ends in a verdict."""

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from mutations import CUTS, as_json, examples, in_pieces, spoiled, spoiled_bytes
from probe.credentials import Credentials
from probe.curl import BODY, HEADER, Arrival, CurlFigures
from probe.json_object import parse_object
from probe.observation import Observer
from probe.target import parse_url
from sandbox.xray.documents import check
from stream_samples import FIRSTBYTE_TIMING, FIRSTBYTE_USAGE, data
from trace_documents import nested, segment
from verify import responses
from verify.access import Access
from verify.calls import DOCUMENT, EVENTS, LINES, TEXT, Answer, _answer, invoke
from verify.deployed import Deployed
from verify.findings import FAILED, OK, UNCHECKED, UNSEEN
from verify.telemetry import compared, traced

VERDICTS = (OK, FAILED, UNCHECKED, UNSEEN)
STREAM = b"".join(
    [
        data({"request_id": "r", "trace_id": "1-6a000000-0123456789abcdef01234567", "model": "m"}, "start"),
        data({"text": "Hello"}, "delta"),
        data({"stop_reason": "end_turn", "usage": FIRSTBYTE_USAGE, "timing": FIRSTBYTE_TIMING}, "end"),
    ]
)
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: r\r\n"
    b"x-amzn-trace-id: Root=1-6a000000-0123456789abcdef01234567;Sampled=1\r\n\r\n"
)
PARAMETERS = {
    "ModelId": "m",
    "FallbackModelId": "",
    "Guardrail": "g",
    "UrlAuthType": "AWS_IAM",
    "MaxOutputTokens": "10",
}
URL = parse_url("https://abc123.lambda-url.eu-west-1.on.aws/", None, {})


class LambdaWithStream:
    """An access whose Lambda answers with these parts of an event stream, as botocore reads them."""

    credentials = Credentials("AKIDEXAMPLE", "not-a-secret", None)

    def __init__(self, parts: list[dict[str, Any]]) -> None:
        self._parts = parts

    def client(self, _service: str) -> Any:
        return self

    def invoke_with_response_stream(self, **_arguments: str) -> dict[str, Any]:
        return {"EventStream": self._parts}


def deployed(access: Any) -> Deployed:
    return Deployed(access, "chat", "CREATE_COMPLETE", {"FunctionName": "f"}, PARAMETERS, URL)


STACK = deployed(Access)


def answer(head: bytes, body: bytes, cuts: list[int]) -> Answer:
    observer = Observer()
    at = 100.0
    for source, content in ((HEADER, head), (BODY, body)):
        for piece in filter(None, in_pieces(content, cuts)):
            observer.take(Arrival(at, source, piece))
            at += 0.01
    return _answer(
        observer, CurlFigures(0, "", 1, 0.001, 0.002, 0.003, 0.004, 0.5, said_at=100.6), deployed(LambdaWithStream([]))
    )


@given(
    spoiled_bytes(HEAD, b"HTTP/1.1 400 Bad\r\n\r\n"),
    spoiled_bytes(STREAM, b'{"error": {"field": "a", "type": "b"}}'),
    CUTS,
)
@example(b"HTTP/1.1 400 Bad\r\n\r\n", b"[" * 100_000, [])
@example(b"HTTP/1.1 400 Bad\r\n\r\n", b'{"error": []}', [])
@examples(2)
def test_an_answer(head: bytes, body: bytes, cuts: list[int]) -> None:
    seen = answer(head, body, cuts)
    findings = [
        responses.headers(seen),
        responses.streams(seen, STACK),
        responses.start_delta_end(seen, STACK),
        *(responses.whole(seen, accept) for accept in (LINES, TEXT, DOCUMENT)),
        responses.refused(seen, "a"),
        responses.settings(seen, seen, 10),
        responses.unsigned(seen, STACK),
        responses.deadline_events(seen),
    ]
    assert all(finding.verdict in VERDICTS for finding in findings)


PRELUDE = b'{"statusCode": 200, "headers": {"content-type": "text/event-stream", "x-request-id": "r"}}' + bytes(8)


@given(spoiled_bytes(PRELUDE + STREAM), CUTS, st.booleans())
@example(b"{}" + bytes(8), [], True)
@example(b"[]" + bytes(8), [], True)
@example(b'{"statusCode": 200, "headers": []}' + bytes(8), [], True)
@example(b'{"statusCode": 200, "headers": {"a": "\\ud800"}}' + bytes(8), [], True)
@example(b'{"statusCode": 200, "headers": {"a": "b\\r\\n\\r\\nc"}}' + bytes(8), [], True)
@example(b"[" * 100_000 + bytes(8), [], True)
@examples(2)
def test_a_stream_of_lambda(stream: bytes, cuts: list[int], is_complete: bool) -> None:
    parts: list[dict[str, Any]] = [{"PayloadChunk": {"Payload": piece}} for piece in in_pieces(stream, cuts)]
    parts += [{"InvokeComplete": {}}] if is_complete else []
    found = invoke(deployed(LambdaWithStream(parts)), {"prompt": "Hello"}, EVENTS)
    if isinstance(found, Answer):
        assert responses.streams(found, STACK, responses.INVOKED).verdict in VERDICTS
    else:
        assert found


LINE = {
    "message": "response finished",
    "outcome": "completed",
    **FIRSTBYTE_USAGE,
    **FIRSTBYTE_TIMING,
    "first_text_ms": 3.0,
}


@given(spoiled(LINE))
@example({**LINE, "duration_ms": "<4000 digits>"})
@example({**LINE, "ttft_ms": "<4000 digits>"})
@examples(1)
def test_a_log_line(line: Any) -> None:
    read = parse_object(as_json(line)) or {}
    seen = answer(HEAD, STREAM, [])
    assert compared(read, seen)[0] in VERDICTS
    assert responses.deadline_text(seen, read)[0] in (*VERDICTS, None)


DOCUMENTS = [segment(1, subsegments=[nested(2, annotations={"model": "m", "outcome": "completed", "ttft_ms": 1})])]


@given(spoiled(DOCUMENTS))
@examples(1)
def test_segments_of_a_trace(documents: Any) -> None:
    read = [parse_object(as_json(each)) for each in documents] if isinstance(documents, list) else []
    try:
        for document in read:
            check(document)
    except ValueError:
        return  # X-Ray does not take it, and so never gives it
    assert traced([document for document in read if document], "m")[0] in (*VERDICTS, None)
