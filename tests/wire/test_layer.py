"""The layer on the wire: what it sends is checked byte by byte, in good and in bad times."""

import base64
import json
import time
from collections.abc import Callable

import pytest

from wire.conftest import HEADER, Runtime, streaming
from wire.http_message import ProtocolError, Request, RequestParser
from wire.strict_runtime_api import PATIENCE_SECONDS, Invocation, StrictRuntimeApi

RunFunction = Callable[..., Runtime]
REQUEST_ID = Invocation().request_id
HTTP_INTEGRATION = "application/vnd.awslambda.http-integration-response"


def prelude_and_body(request: Request) -> tuple[dict[str, object], bytes]:
    prelude, _, body = request.body.partition(b"\0" * 8)
    return json.loads(prelude), body


def error_of(request: Request) -> dict[str, object]:
    trailer = request.trailer("Lambda-Runtime-Function-Error-Body")
    assert trailer is not None
    error: dict[str, object] = json.loads(base64.b64decode(trailer, validate=True))
    return error


def test_a_streamed_response_byte_by_byte(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        streaming(
            "response_stream.start(status_code=201, headers={'content-type': 'text/plain'}, cookies=['a=b'])\n"
            "response_stream.write('Hé')\n"
            "response_stream.write(b'')\n"
            "response_stream.write(b'x' * 26)"
        )
    )
    api.invoke(Invocation(headers={"Lambda-Runtime-Invocation-Id": "inv-1"}))
    raw = api.answer().raw
    head, _, body = raw.partition(b"\r\n\r\n")
    agent = [line for line in head.split(b"\r\n") if line.startswith(b"User-Agent: ")]
    assert len(agent) == 1
    assert head.replace(agent[0] + b"\r\n", b"") == (
        b"POST /2018-06-01/runtime/invocation/" + REQUEST_ID.encode() + b"/response HTTP/1.1\r\n"
        b"Host: " + api.address.encode() + b"\r\n"
        b"Content-Type: application/vnd.awslambda.http-integration-response\r\n"
        b"Lambda-Runtime-Function-Response-Mode: streaming\r\n"
        b"Lambda-Runtime-Invocation-Id: inv-1\r\n"
        b"Trailer: Lambda-Runtime-Function-Error-Type\r\n"
        b"Trailer: Lambda-Runtime-Function-Error-Body\r\n"
        b"Transfer-Encoding: chunked"
    )
    prelude = b'{"statusCode":201,"headers":{"content-type":"text/plain"},"cookies":["a=b"]}' + b"\0" * 8
    assert body == (
        b"%x\r\n%b\r\n" % (len(prelude), prelude) + b"3\r\nH\xc3\xa9\r\n" + b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"
    )


def test_the_bytes_mean_the_same_however_they_are_split(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        streaming(
            "response_stream.start(headers={'content-type': 'text/plain'})\n"
            "response_stream.write('one')\n"
            "raise TypeError('after the first byte')"
        )
    )
    api.invoke(Invocation())
    received = api.answer()
    assert received.request.done
    for cut in range(1, len(received.raw)):
        parser = RequestParser()
        parser.feed(received.raw[:cut])
        parser.feed(received.raw[cut:])
        assert (parser.request, parser.rest) == (received.request, b"")
    one_by_one = RequestParser()
    for byte in received.raw:
        assert not one_by_one.request.done
        one_by_one.feed(bytes([byte]))
    assert one_by_one.request == received.request


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"POST / HTTP/1.1\nHost: x\r\n", "LF without CR"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n03\r\nabc\r\n", "chunk size"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n", "followed by"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n", "not announced"),
        (b"POST / HTTP/1.1\r\nHost:x\r\n\r\n", "field line"),
        (b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n", "both"),
    ],
)
def test_the_strict_parser_sees_what_is_wrong(data: bytes, complaint: str) -> None:
    with pytest.raises(ProtocolError, match=complaint):
        RequestParser().feed(data)


def test_one_write_is_one_chunk_in_one_send_at_once(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        streaming(
            "for number in range(20):\n"
            "    response_stream.write(f'{number:02} {time.monotonic():.6f}')\n"
            "    time.sleep(0.05)"
        )
    )
    api.invoke(Invocation())
    received = api.answer()
    assert received.request.all("Content-Type") == ["application/octet-stream"]
    written = [(int(c.split()[0]), float(c.split()[1])) for c in received.request.chunks]
    assert [number for number, _ in written] == list(range(20))
    # The head comes with the first chunk in one receive, every other chunk in a receive of its own, then the end.
    assert len(received.arrivals) == 21
    delays = sorted(at - when for (at, _), (_, when) in zip(received.arrivals, written, strict=False))
    # Both clocks are the machine's monotonic one. The median shows that nothing waits (Nagle with delayed
    # acknowledgements would cost 40 ms); the worst of 20 is left out, the machine may be busy.
    assert delays[10] < 0.005
    assert delays[18] < 0.04


def test_small_chunks_do_not_wait_for_each_other(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    # On a connection that has gone back and forth the receiver delays its first acknowledgement by 40 ms, for which
    # Nagle's algorithm would make the second chunk wait.
    run_function(
        streaming("response_stream.write('first')\nresponse_stream.write(f'{time.monotonic():.6f}')\ntime.sleep(0.1)")
    )
    delays = []
    for _ in range(7):
        api.invoke(Invocation())
        received = api.answer()
        parser = RequestParser()
        for at, data in received.arrivals:
            parser.feed(data)
            if len(parser.request.chunks) == 2:
                delays.append(at - float(parser.request.chunks[1]))
                break
    assert len(delays) == 7
    assert sorted(delays)[3] < 0.02


@pytest.mark.parametrize("end", ["", "response_stream.end()", "response_stream.end()\nresponse_stream.end()"])
def test_an_empty_response_keeps_status_and_headers(api: StrictRuntimeApi, run_function: RunFunction, end: str) -> None:
    run_function(streaming(f"response_stream.start(status_code=204, headers={{'x-a': 'b'}})\n{end}"))
    api.invoke(Invocation())
    request = api.answer().request
    assert request.header("Content-Type") == HTTP_INTEGRATION
    assert prelude_and_body(request) == ({"statusCode": 204, "headers": {"x-a": "b"}}, b"")


def test_a_handler_that_does_nothing_sends_an_empty_body(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(streaming("pass"))
    api.invoke(Invocation())
    request = api.answer().request
    assert (request.path.rpartition("/")[2], request.body, request.done) == ("response", b"", True)


@pytest.mark.parametrize("before", ["", "response_stream.start(status_code=200)\n", "response_stream.write('')\n"])
def test_an_error_before_the_first_byte_goes_to_error(
    api: StrictRuntimeApi, run_function: RunFunction, before: str
) -> None:
    runtime = run_function(streaming(f"{before}raise LookupError('nothing was sent')"))
    api.invoke(Invocation(headers={"Lambda-Runtime-Invocation-Id": "inv-2"}))
    request = api.answer().request
    assert request.path == f"/2018-06-01/runtime/invocation/{REQUEST_ID}/error"
    assert request.header("Lambda-Runtime-Invocation-Id") == "inv-2"
    error = json.loads(request.body)
    assert (error["errorType"], error["errorMessage"]) == ("LookupError", "nothing was sent")
    assert error["stackTrace"] == []
    api.wait_for_next(2)
    assert "raise LookupError" in runtime.log


def test_an_error_after_the_first_byte_goes_into_trailers(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(streaming("response_stream.write('some')\nraise KeyError('line\\r\\nbreak')"))
    api.invoke(Invocation())
    request = api.answer().request
    assert (request.body, request.done) == (b"some", True)
    assert request.trailer("Lambda-Runtime-Function-Error-Type") == "KeyError"
    error = error_of(request)
    assert error["errorType"] == "KeyError"
    assert error["errorMessage"] == "'line\\r\\nbreak'"
    assert error["stackTrace"] == []
    api.wait_for_next(2)
    assert "[ERROR] KeyError" in runtime.log
    assert "raise KeyError" in runtime.log


def test_an_error_after_the_end_is_logged_and_nothing_else(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(streaming("response_stream.write('all')\nresponse_stream.end()\nraise OSError('too late')"))
    api.invoke(Invocation())
    request = api.answer().request
    assert (request.body, request.trailers) == (b"all", [])
    api.wait_for_next(2)
    assert api.received.empty()
    assert "[ERROR] OSError: too late" in runtime.log


def test_trailers_stay_below_what_the_platform_reads(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        HEADER
        + "def deep(n):\n    if n:\n        deep(n - 1)\n    raise ValueError('ä' * 10_000)\n"
        + streaming("response_stream.write('x')\ndeep(200)").removeprefix(HEADER)
    )
    api.invoke(Invocation())
    received = api.answer()
    trailers = received.raw[received.raw.rindex(b"0\r\nLambda-Runtime") :]
    assert len(trailers) < 4096
    error = error_of(received.request)
    assert error["errorType"] == "ValueError"
    assert str(error["errorMessage"]).startswith("ää")


@pytest.mark.parametrize(
    ("call", "error"),
    [
        ("response_stream.start()\nresponse_stream.start()", "RuntimeError"),
        ("response_stream.start(headers={'a': 'b\\r\\nc'})", "ValueError"),
        ("response_stream.start(headers={'a b': 'c'})", "ValueError"),
        ("response_stream.start(headers={'a': 1})", "TypeError"),
        ("response_stream.start(status_code=99)", "ValueError"),
        ("response_stream.start(status_code='200')", "TypeError"),
        ("response_stream.start(cookies='a=b')", "TypeError"),
        ("response_stream.write(1)", "TypeError"),
        ("response_stream.write('\\ud800')", "UnicodeEncodeError"),
        ("return {'statusCode': 200}", "TypeError"),
        ("response_stream.start(headers={'a': 'b\\x07'})", "ValueError"),
        ("response_stream.start(headers={'a': 'b' * 16_384})", "ValueError"),
        ("response_stream.start(headers=[('a', 'b')])", "TypeError"),
    ],
)
def test_illegal_calls_raise_at_the_caller(
    api: StrictRuntimeApi, run_function: RunFunction, call: str, error: str
) -> None:
    run_function(streaming(call))
    api.invoke(Invocation())
    request = api.answer().request
    assert request.path.endswith("/error")
    assert json.loads(request.body)["errorType"] == error


def test_illegal_calls_in_mid_stream_raise_and_change_nothing(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(
        streaming(
            "response_stream.write('a')\n"
            "for call in (response_stream.start, lambda: response_stream.write(3)):\n"
            "    try:\n        call()\n    except (RuntimeError, TypeError) as e:\n"
            "        response_stream.write(type(e).__name__)\n"
            "response_stream.end()\n"
            "try:\n    response_stream.write('b')\nexcept RuntimeError:\n    print('refused')"
        )
    )
    api.invoke(Invocation())
    assert api.answer().request.chunks == [b"a", b"RuntimeError", b"TypeError"]


def test_the_connection_is_kept_alive(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(streaming("response_stream.write(event['say'])"))
    connections = set()
    for number in range(5):
        api.invoke(Invocation(event=json.dumps({"say": str(number)}).encode(), drip=number == 2))
        received = api.answer()
        assert received.request.body == str(number).encode()
        connections.add(received.connection)
    assert len(connections) == 1


def test_a_connection_dropped_while_idle_is_opened_again(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(streaming("response_stream.write('here')"))
    connections = set()
    for calls in range(3):
        api.invoke(Invocation(close_after=True))
        received = api.answer()
        assert received.request.body == b"here"
        connections.add(received.connection)
        api.wait_for_next(calls + 2)
    assert len(connections) == 3


def test_an_answer_that_closes_the_connection_is_obeyed(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    run_function(streaming("response_stream.write('here')"))
    closing = b"HTTP/1.1 202 Accepted\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    connections = set()
    for calls in range(2):
        api.invoke(Invocation(answer=closing))
        received = api.answer()
        assert received.request.body == b"here"
        connections.add(received.connection)
        api.wait_for_next(calls + 2)
    assert len(connections) == 2


def test_a_response_is_ended_even_if_somebody_swallows_its_error(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    run_function(
        streaming("response_stream.write('some')\nraise ValueError('never seen')")
        + "\ninner = handler\n"
        + "def handler(event, context):\n"
        + "    try:\n        inner(event, context)\n    except ValueError:\n        pass\n"
    )
    # An unended response would hang until the deadline, for which nobody here waits.
    api.invoke(Invocation())
    request = api.answer().request
    assert (request.body, request.done, request.trailers) == (b"some", True, [])
    api.wait_for_next(2)


def test_a_connection_that_breaks_in_mid_stream_raises_and_hangs_nothing(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    runtime = run_function(
        streaming(
            "if not event:\n    response_stream.write('next')\n    return\n"
            "for _ in range(200):\n    response_stream.write('x' * 1000)\n    time.sleep(0.005)"
        )
    )
    api.invoke(Invocation(event=b"[1]", drop_after=3000))
    assert api.answer().cut
    api.wait_for_next(2)
    assert "ConnectionError" in runtime.log
    api.invoke(Invocation())
    assert api.answer().request.body == b"next"


def test_a_refusal_in_mid_stream_is_told_to_the_handler(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(
        streaming("for _ in range(200):\n    response_stream.write('x' * 1000)\n    time.sleep(0.005)")
    )
    api.invoke(Invocation(refuse_after=3000))
    api.wait_for_next(2)
    assert "413 too large" in runtime.log


def test_a_silent_runtime_api_is_left_at_the_deadline(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(streaming("response_stream.write('x')"))
    api.invoke(Invocation(silent=True, deadline_ms=int((time.time() + 2) * 1000)))
    api.wait_for_next(2)
    assert "may not have arrived" in runtime.log


@pytest.mark.parametrize("status", [b"400 Bad Request", b"413 Too Large", b"403 Forbidden"])
def test_a_refused_response_is_logged_and_the_loop_goes_on(
    api: StrictRuntimeApi, run_function: RunFunction, status: bytes
) -> None:
    runtime = run_function(streaming("response_stream.write('x')"))
    api.invoke(Invocation(answer=b"HTTP/1.1 " + status + b"\r\nContent-Length: 6\r\n\r\nreason"))
    api.wait_for_next(2)
    assert f"answered {status[:3].decode()} to the streamed response: reason" in runtime.log
    api.invoke(Invocation())
    api.wait_for_next(3)


# An event makes it fail and leave a thread behind that writes 0.3 s later; without one it streams for a second.
LEAVES_A_THREAD = "import threading\n" + streaming(
    "def late():\n"
    "    time.sleep(0.3)\n"
    "    try:\n        response_stream.write('late')\n"
    "    except RuntimeError as e:\n        print('REFUSED', e)\n"
    "    print('TRIED')\n"
    "if event:\n    threading.Thread(target=late).start()\n    raise ValueError('early')\n"
    "response_stream.write('a')\ntime.sleep(1)\nresponse_stream.write('b')"
)


def test_a_thread_that_outlives_its_invocation_cannot_write_into_the_next(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    runtime = run_function(LEAVES_A_THREAD)
    api.invoke(Invocation(event=b"[1]"))
    api.invoke(Invocation(request_id="second"))
    assert api.answer().request.path.endswith("/error")
    assert api.answer().request.chunks == [b"a", b"b"]
    assert "REFUSED" in runtime.log


def test_a_thread_that_outlives_its_invocation_cannot_write_between_two(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    runtime = run_function(LEAVES_A_THREAD)
    api.invoke(Invocation(event=b"[1]"))
    assert api.answer().request.path.endswith("/error")
    api.wait_for_next(2)
    until = time.monotonic() + PATIENCE_SECONDS
    while "TRIED" not in runtime.log and time.monotonic() < until:
        time.sleep(0.02)
    assert "REFUSED" in runtime.log
    assert api.received.empty()


PLAIN_HANDLERS = {
    "a dict": "def handler(event, context):\n    return {'id': context.aws_request_id, 'event': event, 'é': 'ü'}",
    "nothing": "def handler(event, context):\n    pass",
    "an error": "def handler(event, context):\n    raise ValueError('plain')",
    "not JSON": "def handler(event, context):\n    return object",
    "bytes": "import io\ndef handler(event, context):\n    return io.BytesIO(b'\\x00\\xff')",
}


@pytest.mark.parametrize("source", PLAIN_HANDLERS.values(), ids=PLAIN_HANDLERS.keys())
def test_an_unwrapped_handler_is_answered_as_by_the_plain_client(
    api: StrictRuntimeApi, run_function: RunFunction, source: str
) -> None:
    answers = []
    for streaming_layer in (False, True):
        runtime = run_function(source, streaming=streaming_layer)
        api.invoke(Invocation(event=b'{"a": 1}', headers={"Lambda-Runtime-Invocation-Id": "inv-3"}))
        answers.append(api.answer().request)
        runtime.stop()
    assert answers[0] == answers[1]


def test_an_undecorated_generator_is_named_in_the_log(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    for source in ("def handler(event, context):\n    yield 'a'", "async def handler(event, context):\n    pass"):
        runtime = run_function(source)
        api.invoke(Invocation())
        assert api.answer().request.path.endswith("/error")
        assert "is @streamify_response missing?" in runtime.log
        runtime.stop()


@pytest.mark.parametrize("call", ["response_stream.write('a')", "response_stream.end()"])
def test_a_connection_that_cannot_be_opened_is_an_error_before_the_first_byte(
    api: StrictRuntimeApi, run_function: RunFunction, call: str
) -> None:
    run_function(
        "import resource\n"
        + streaming(
            "limits = resource.getrlimit(resource.RLIMIT_NOFILE)\n"
            "if event:\n    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))\n"
            f"try:\n    {call}\n"
            "finally:\n    resource.setrlimit(resource.RLIMIT_NOFILE, limits)"
        )
    )
    api.invoke(Invocation(event=b"[1]"))
    request = api.answer().request
    assert request.path.endswith("/error")
    assert json.loads(request.body)["errorType"] == "ConnectionError"
    assert "Too many open files" in json.loads(request.body)["errorMessage"]
    api.invoke(Invocation())
    assert api.answer().request.path.endswith("/response")


def test_an_import_error_is_reported_as_by_the_plain_client(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    answers = []
    for streaming_layer in (False, True):
        runtime = run_function("import no_such_module", streaming=streaming_layer)
        answers.append(api.answer().request)
        assert runtime.process.wait(60) == 1
    assert answers[0].path == "/2018-06-01/runtime/init/error"
    assert answers[0].body == answers[1].body


def test_snapstart_hooks_run(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(
        "from snapshot_restore_py import register_before_snapshot, register_after_restore\n"
        "register_before_snapshot(lambda: print('BEFORE'))\nregister_after_restore(lambda: print('AFTER'))\n"
        + streaming("response_stream.write('restored')"),
        environment={"AWS_LAMBDA_INITIALIZATION_TYPE": "snap-start"},
    )
    assert api.answer().request.path == "/2018-06-01/runtime/restore/next"
    api.invoke(Invocation())
    assert api.answer().request.body == b"restored"
    assert runtime.log.index("BEFORE") < runtime.log.index("AFTER")


def test_it_composes_with_the_decorators_of_powertools(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(
        "from aws_lambda_powertools import Logger, Metrics, Tracer\n"
        "from lambda_streaming import streamify_response\n"
        "import os, time\n"
        "logger, tracer, metrics = Logger(), Tracer(), Metrics(namespace='n', service='s')\n"
        "@streamify_response\n"
        "@logger.inject_lambda_context\n"
        "@tracer.capture_lambda_handler(capture_response=False)\n"
        "@metrics.log_metrics(capture_cold_start_metric=True)\n"
        "def handler(event, context, *, response_stream):\n"
        "    response_stream.write('a')\n"
        "    logger.info('between', extra={'trace': os.environ['_X_AMZN_TRACE_ID']})\n"
        "    metrics.add_metric(name='Answers', unit='Count', value=1)\n"
        "    response_stream.write('b')\n"
        "    response_stream.end()\n"
        "    time.sleep(0.2)\n",
        environment={
            "POWERTOOLS_SERVICE_NAME": "s",
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",
            "AWS_LAMBDA_FUNCTION_NAME": "f",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_LAMBDA_LOG_GROUP_NAME": "g",
            "AWS_LAMBDA_LOG_STREAM_NAME": "s",
        },
    )
    for invocation in range(2):
        api.invoke(Invocation())
        assert api.answer().request.chunks == [b"a", b"b"]
        # The client had its last byte at end(); what the decorators write comes after it.
        api.wait_for_next(invocation + 2)
    documents = [json.loads(line) for line in runtime.log.splitlines() if line.startswith("{")]
    assert [d["Answers"] for d in documents if "Answers" in d] == [[1.0], [1.0]]
    assert [d["cold_start"] for d in documents if d.get("message") == "between"] == [True, False]
    assert all("Root=1-5bef4de7" in d["trace"] for d in documents if d.get("message") == "between")
