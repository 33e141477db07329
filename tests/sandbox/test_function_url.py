"""The Function URL, its environments and their Runtime APIs, through the real command line and a runtime on sockets."""

import base64
import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox_client import INTEGRATION, Call, call, half_sent, raw_stack, signed_headers, steps
from sandbox_process import RunningSandbox, StartSandbox, alive

TIMEOUT = 3
ERROR_BODY = base64.b64encode(b'{"errorType": "ValueError", "errorMessage": "no"}').decode()


@pytest.fixture(scope="module")
def raw(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    template = raw_stack(tmp_path_factory.mktemp("raw"), Timeout=TIMEOUT, ReservedConcurrentExecutions=3)
    return start_sandbox("--template", str(template))


def prelude(**head: Any) -> str:
    return json.dumps(head) + "\0" * 8


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    limit = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > limit:
            return False
        time.sleep(0.02)
    return True


def test_passes_each_chunk_on_the_moment_it_arrives(raw: RunningSandbox) -> None:
    answer = call(raw.ready, steps(["head"], ["clock", 8, 0.1], ["end"]))
    assert answer.complete
    assert len(answer.chunks) == 8
    lags = sorted(arrived - float(data) for arrived, data in answer.chunks)
    # One clock for both ends (CLOCK_MONOTONIC). A chunk that waited for the next one would be 100 ms late.
    assert lags[len(lags) // 2] < 0.05, lags


def test_applies_the_prelude(raw: RunningSandbox) -> None:
    head = prelude(statusCode=201, headers={"Content-Type": "text/x", "X-Own": "1"}, cookies=["a=1; Secure", "b=2"])
    answer = call(raw.ready, steps(["head", INTEGRATION], ["chunk", head + "body"], ["chunk", " more"], ["end"]))
    assert (answer.status, answer.body, answer.complete) == (201, b"body more", True)
    assert answer.header("content-type") == "text/x"
    assert answer.header("x-own") == "1"
    assert [value for name, value in answer.headers if name == "set-cookie"] == ["a=1; Secure", "b=2"]
    assert answer.header("x-amzn-requestid")
    assert (answer.header("x-amzn-trace-id") or "").startswith("Root=1-")


def test_reads_a_prelude_that_comes_byte_by_byte(raw: RunningSandbox) -> None:
    head = prelude(statusCode=202, headers={"x-long": "y" * 50})
    answer = call(raw.ready, steps(["head", INTEGRATION], ["bytewise", head + "body"], ["end"]))
    assert (answer.status, answer.body, answer.header("x-long")) == (202, b"body", "y" * 50)


@pytest.mark.parametrize(("status", "method"), [(204, "POST"), (304, "POST"), (200, "HEAD")])
def test_sends_no_body_where_http_has_none(raw: RunningSandbox, status: int, method: str) -> None:
    program = steps(["head", INTEGRATION], ["chunk", prelude(statusCode=status) + "body"], ["end"])
    answer = call(raw.ready, program, method=method)
    assert (answer.status, answer.body, answer.complete) == (status, b"", True)


def test_keeps_status_and_headers_of_an_empty_stream(raw: RunningSandbox) -> None:
    answer = call(raw.ready, steps(["head", INTEGRATION], ["chunk", prelude(statusCode=404)], ["end"]))
    assert (answer.status, answer.body, answer.complete) == (404, b"", True)


def test_streams_raw_bytes_without_a_prelude(raw: RunningSandbox) -> None:
    answer = call(raw.ready, steps(["head", "application/octet-stream"], ["chunk", "raw"], ["end"]))
    assert (answer.status, answer.body) == (200, b"raw")
    assert answer.header("content-type") == "application/octet-stream"


@pytest.mark.parametrize(
    ("payload", "status", "content_type", "body"),
    [
        ('{"statusCode": 418, "headers": {"content-type": "a/b"}, "body": "x"}', 418, "a/b", b"x"),
        ('{"statusCode": 200, "body": "AAH/", "isBase64Encoded": true}', 200, "application/json", b"\0\1\xff"),
        ('{"any": "thing"}', 200, "application/json", b'{"any": "thing"}'),
        ('"text"', 200, "application/json", b'"text"'),
    ],
)
def test_sends_a_buffered_response_as_one_body(
    raw: RunningSandbox, payload: str, status: int, content_type: str, body: bytes
) -> None:
    answer = call(raw.ready, steps(["buffered", payload]))
    assert (answer.status, answer.header("content-type"), answer.body) == (status, content_type, body)


@pytest.mark.parametrize(
    "program",
    [
        pytest.param([["error", "Test.Error", "no"]], id="an error"),
        pytest.param([["head", INTEGRATION], ["end", "Test.Error", ERROR_BODY]], id="error trailers before any byte"),
        pytest.param([["head", INTEGRATION], ["chunk", '{"statusCode": 200}'], ["end"]], id="half a prelude"),
        pytest.param([["head", INTEGRATION], ["chunk", "no json" + "\0" * 8], ["end"]], id="no prelude"),
        pytest.param([["head", INTEGRATION], ["chunk", prelude(statusCode=999)], ["end"]], id="a bad status"),
        pytest.param([["head", INTEGRATION], ["chunk", prelude(headers={"a": "b\r\nc: d"})], ["end"]], id="injection"),
        pytest.param([["head", INTEGRATION], ["chunk", "x" * 20000], ["end"]], id="an endless prelude"),
        pytest.param([["buffered", '{"statusCode": 200, "body": {}}']], id="a body that is no text"),
        pytest.param([["large", 6_291_557]], id="a buffered response that is too large"),
    ],
)
def test_answers_502_for_what_is_no_response(raw: RunningSandbox, program: list[list[Any]]) -> None:
    answer = call(raw.ready, steps(*program))
    assert (answer.status, answer.body) == (502, b"Internal Server Error")
    assert call(raw.ready, steps(["buffered", "1"])).body == b"1", "the environment goes on"


@pytest.mark.parametrize(
    ("ending", "logged"),
    [
        (["end", "Test.Late", ERROR_BODY], "Test.Late"),
        (["end", "Test.Late", "%%% no base64"], "not a JSON object in base64"),
        (["end", "Test.Late", base64.b64encode(b"[]").decode()], "not a JSON object in base64"),
        (["reconnect"], "Runtime.TruncatedResponse"),
    ],
)
def test_cuts_the_stream_for_an_error_after_the_first_byte(raw: RunningSandbox, ending: list[str], logged: str) -> None:
    pid = call(raw.ready, steps(["show", "environment"])).json["pid"]
    answer = call(raw.ready, steps(["head"], ["chunk", "some"], ending))
    assert (answer.status, answer.body, answer.complete) == (200, b"some", False)
    assert eventually(lambda: logged in raw.log())
    # Another environment may be free earlier and take the next request.
    assert call(raw.ready, steps(["buffered", "1"])).body == b"1"
    assert alive(pid), "the environment goes on"


def test_kills_the_function_at_its_timeout_and_answers_502(raw: RunningSandbox) -> None:
    pid = call(raw.ready, steps(["show", "environment"])).json["pid"]
    answer = call(raw.ready, steps(["child"], ["sleep", 600]))
    assert answer.status == 502
    assert answer.seconds >= TIMEOUT
    assert eventually(lambda: not alive(pid))
    assert f"Task timed out after {TIMEOUT}.00 seconds" in raw.log()
    assert call(raw.ready, steps(["show", "environment"])).json["pid"] != pid


def test_cuts_the_stream_at_the_timeout(raw: RunningSandbox) -> None:
    answer = call(raw.ready, steps(["head"], ["chunk", "some"], ["sleep", 600]))
    assert (answer.status, answer.body, answer.complete) == (200, b"some", False)
    assert answer.seconds >= TIMEOUT


@pytest.mark.parametrize(("death", "words"), [(["exit", 3], "exit status 3"), (["crash"], "signal: SIGSEGV")])
def test_a_death_in_mid_invocation_ends_it_at_once(raw: RunningSandbox, death: list[Any], words: str) -> None:
    timeouts = raw.log().count("Task timed out")
    # The child keeps the connection and the log pipe of the dead process open.
    assert call(raw.ready, steps(["child"], death)).status == 502
    assert words in raw.log()
    answer = call(raw.ready, steps(["head"], ["chunk", "some"], ["child"], death))
    assert (answer.status, answer.body, answer.complete) == (200, b"some", False)
    assert raw.log().count("Task timed out") == timeouts, "it ends at once, not at the timeout"
    assert call(raw.ready, steps(["buffered", "1"])).status == 200


def test_delivers_everything_that_was_sent_before_the_process_ended(raw: RunningSandbox) -> None:
    sent = Call(raw.ready, steps(["head"], ["chunk", "x" * 65536, 200], ["last_words"]))
    time.sleep(0.3)  # the client does not read yet, so all buffers between it and the function are full
    answer = sent.finish()
    assert (len(answer.body), answer.complete) == (200 * 65536, True)


def test_the_function_goes_on_when_the_client_leaves(raw: RunningSandbox) -> None:
    leaver = Call(raw.ready, steps(["head"], ["chunk", "x" * 10000, 500], ["print", "wrote it all"], ["end"]))
    leaver.leave()
    assert eventually(lambda: "wrote it all" in raw.log())
    assert call(raw.ready, steps(["buffered", "1"])).status == 200


@pytest.fixture(scope="module")
def left(start_sandbox: StartSandbox, tmp_path_factory: pytest.TempPathFactory) -> RunningSandbox:
    """One of its own: a function whose client has left goes on for a while."""
    return start_sandbox("--template", str(raw_stack(tmp_path_factory.mktemp("left"), Timeout=60)))


def halfway(left: RunningSandbox, name: str = "function_url", service: str = "lambda") -> None:
    """Leave in the middle of a request."""
    with half_sent(left.ready, left.ready[name], service):
        time.sleep(0.1)


def deaf(left: RunningSandbox) -> None:
    leaver = Call(left.ready, steps(["head"], ["chunk", "x" * 65536, 200], ["end"]))
    time.sleep(0.3)  # all buffers between it and the function are full
    leaver.leave()


def early(left: RunningSandbox) -> None:
    Call(left.ready, steps(["head"], ["clock", 5, 0.1], ["end"])).leave()


def slow_curl(left: RunningSandbox) -> None:
    url, body = left.ready["function_url"], steps(["head"], ["chunk", "x" * 1000, 13_000], ["end"])
    headers = signed_headers(left.ready, "POST", url, body.encode(), {"Content-Type": "application/json"})
    options = [part for name, value in headers.items() for part in ("--header", f"{name}: {value}")]
    command = ["curl", "--silent", "--no-buffer", "--limit-rate", "1000", "--data", body, *options, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as curl:
        assert curl.stdout
        assert curl.stdout.read(1) == b"x"
        curl.kill()


def api_caller(left: RunningSandbox) -> None:
    event = json.dumps({"body": steps(["head"], ["clock", 5, 0.1], ["end"])})
    ready = {**left.ready, "function_url": left.ready["aws_endpoint_url"]}
    Call(ready, event, target="/2021-11-15/functions/firstbyte-Raw/response-streaming-invocations").leave()


@pytest.mark.parametrize(
    "leave",
    [
        pytest.param(deaf, id="one that does not read"),
        pytest.param(early, id="one that leaves between chunks"),
        pytest.param(slow_curl, id="a slow curl that is killed"),
        pytest.param(api_caller, id="a caller of the Lambda API"),
        pytest.param(halfway, id="within its request to the URL"),
        pytest.param(lambda left: halfway(left, "aws_endpoint_url"), id="within its request to the AWS endpoint"),
        pytest.param(lambda left: halfway(left, "bedrock_url", "bedrock"), id="within its request to Bedrock"),
    ],
)
def test_a_client_that_leaves_is_said_in_a_line(left: RunningSandbox, leave: Callable[[RunningSandbox], None]) -> None:
    before = len(left.log())
    leave(left)
    assert eventually(lambda: "the client left before the response was complete\n" in left.log()[before:])
    (line,) = left.log()[before:].splitlines()
    assert line.startswith("sandbox: POST /")


def test_starts_environments_under_load_up_to_the_limit(raw: RunningSandbox) -> None:
    busy = [Call(raw.ready, steps(["sleep", 1], ["show", "environment"])) for _ in range(3)]
    time.sleep(0.5)
    refused = call(raw.ready, steps(["buffered", "1"]))
    assert (refused.status, refused.json) == throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
    assert refused.header("x-amzn-errortype") == "TooManyRequestsException"
    assert refused.header("content-type") == "application/json"
    assert refused.header("x-amzn-requestid")
    assert len({one.finish().json["pid"] for one in busy}) == 3


def throttled(reason: str) -> tuple[int, dict[str, str]]:
    return 429, {"Reason": reason, "Type": "User", "message": "Rate Exceeded."}


def test_without_a_reservation_the_accounts_limit_is_the_reason(left: RunningSandbox) -> None:
    busy = [Call(left.ready, steps(["sleep", 1.5], ["buffered", "1"])) for _ in range(10)]
    answers = [call(left.ready, steps(["buffered", "1"]))]
    answers += [one.finish() for one in busy]
    (refused,) = (answer for answer in answers if answer.status != 200)
    assert (refused.status, refused.json) == throttled("ConcurrentInvocationLimitExceeded")


def test_one_environment_serves_one_request_after_the_other(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    template = raw_stack(tmp_path, ReservedConcurrentExecutions=1)
    running = start_sandbox("--template", str(template))
    # It comes back for more work a little after its client has been served.
    pids = {call(running.ready, steps(["show", "environment"], ["sleep", 0.02])).json["pid"] for _ in range(10)}
    assert len(pids) == 1
    running.stop()


def test_refuses_illegal_calls_and_keeps_the_state(raw: RunningSandbox) -> None:
    illegal: list[list[object]] = [
        ["call", "GET", "/invocation/next"],
        ["call", "POST", "/init/error"],
        ["call", "POST", "/invocation/another-id/response"],
        ["call", "POST", "/invocation/another-id/error"],
        ["call", "POST", "/invocation/ID/response", {"Lambda-Runtime-Invocation-Id": "stale"}],
        ["call", "POST", "/invocation/ID/response", {"Lambda-Runtime-Function-Response-Mode": "fast"}],
        ["call", "GET", "/restore/next"],
        ["call", "GET", "/invocation/ID/response"],
    ]
    answer = call(raw.ready, steps(*illegal, ["replies"]))
    assert answer.status == 200, "after all that, the response is still legal"
    statuses = [status for status, _ in answer.json]
    assert statuses == [403, 403, 400, 400, 400, 400, 404, 404]
    assert answer.json[0][1] == {
        "errorMessage": "State transition from Running to Ready failed for runtime. "
        "Error: State transition is not allowed",
        "errorType": "InvalidStateTransition",
    }
    assert answer.json[2][1]["errorType"] == "InvalidRequestID"


def test_refuses_a_second_answer(raw: RunningSandbox) -> None:
    program = steps(["buffered", "1"], ["buffered", "2"], ["error", "Late", "no"], ["print_statuses"])
    assert call(raw.ready, program).body == b"1"
    assert eventually(lambda: "statuses 202 403 403\n" in raw.log())


def test_init_failures_are_502_and_logged(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    for init, words in (("exit", "exit status 7"), ("error", "Test.BadConfig")):
        template = raw_stack(tmp_path / init, {"RAW_INIT": init})
        running = start_sandbox("--template", str(template))
        answer = call(running.ready, steps(["buffered", "1"]))
        assert (answer.status, answer.body) == (502, b"Internal Server Error")
        assert words in running.log()
        running.stop()


def test_gives_the_function_what_lambda_gives_it_and_nothing_of_its_own(raw: RunningSandbox) -> None:
    environment = call(raw.ready, steps(["show", "environment"])).json["shown"]
    assert environment["_HANDLER"] == "app.handler"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "firstbyte-Raw"
    assert environment["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert environment["AWS_EXECUTION_ENV"] == "AWS_Lambda_python3.13"
    assert environment["cwd"] == environment["LAMBDA_TASK_ROOT"]
    assert environment["TZ"] == ":UTC"
    assert environment["AWS_ENDPOINT_URL_BEDROCK_RUNTIME"] == raw.ready["bedrock_url"]
    assert environment["AWS_ACCESS_KEY_ID"] != raw.ready["access_key_id"]
    assert "HOME" in os.environ
    assert "HOME" not in environment
    head = call(raw.ready, steps(["show", "head"]), headers={"X-Amzn-Trace-Id": "Root=1-0a0b0c0d-" + "1" * 24})
    shown = head.json["shown"]
    assert shown["lambda-runtime-trace-id"].startswith("Root=1-0a0b0c0d-" + "1" * 24 + ";Parent=")
    assert shown["lambda-runtime-aws-request-id"] == head.header("x-amzn-requestid")
    assert (
        shown["lambda-runtime-invoked-function-arn"] == "arn:aws:lambda:us-east-1:123456789012:function:firstbyte-Raw"
    )
    assert 0 < int(shown["lambda-runtime-deadline-ms"]) / 1000 - time.time() <= TIMEOUT


def test_makes_an_event_in_payload_format_2(raw: RunningSandbox) -> None:
    answer = call(
        raw.ready, steps(["show", "event"]), method="GET", target="/a%20b/c?x=1&x=2&y=", headers={"Cookie": "k=v"}
    )
    event = answer.json["shown"]
    assert event["version"] == "2.0"
    assert (event["rawPath"], event["rawQueryString"]) == ("/a%20b/c", "x=1&x=2&y=")
    assert event["queryStringParameters"] == {"x": "1,2", "y": ""}
    assert event["cookies"] == ["k=v"]
    assert event["isBase64Encoded"] is False
    assert event["requestContext"]["http"]["method"] == "GET"
    iam = event["requestContext"]["authorizer"]["iam"]
    assert iam == {
        "accessKey": raw.ready["access_key_id"],
        "accountId": "123456789012",
        "callerId": iam["userId"],
        "cognitoIdentity": None,
        "principalOrgId": None,
        "userArn": "arn:aws:iam::123456789012:user/sandbox",
        "userId": iam["callerId"],
    }
    assert iam["userId"].startswith("AIDA")
    forwarded = {name: event["headers"][f"x-forwarded-{name}"] for name in ("for", "port", "proto")}
    assert forwarded == {"for": "127.0.0.1", "port": "443", "proto": "https"}, "as behind AWS's front"
    assert event["requestContext"]["requestId"] == answer.header("x-amzn-requestid")
    assert "authorization" not in event["headers"]
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-amzn-trace-id"] == answer.header("x-amzn-trace-id")


def test_refuses_what_is_not_signed_or_too_large(raw: RunningSandbox) -> None:
    unsigned = call(raw.ready, steps(["buffered", "1"]), sign=False)
    assert (unsigned.status, unsigned.json) == (403, {"Message": "Forbidden"})
    presigned = call(raw.ready, "", target="/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0", sign=False)
    assert (presigned.status, presigned.header("x-amzn-errortype")) == (403, "IncompleteSignatureException")
    assert eventually(lambda: "sandbox: POST / refused: presigned URLs are not accepted" in raw.log())
    assert "X-Amz-Signature" not in raw.log()
    assert call(raw.ready, b" " * (6 * 1024 * 1024 + 1)).status == 413
    program = steps(["buffered", "1"])
    assert call(raw.ready, program + " " * (6 * 1024 * 1024 - len(program))).status == 200


def test_keeps_the_functions_lines_apart(raw: RunningSandbox) -> None:
    call(raw.ready, steps(["print", "first line\nsecond line"], ["buffered", "1"]))
    assert eventually(lambda: "] first line\n" in raw.log() and "] second line\n" in raw.log())


def test_only_the_function_can_use_its_runtime_api(raw: RunningSandbox) -> None:
    """Another process polls while the environment is idle, and while it works: callers get the function's answers."""
    before = call(raw.ready, steps(["show", "environment"])).json
    host, _, port = before["shown"]["AWS_LAMBDA_RUNTIME_API"].partition(":")

    def poll() -> bytes:
        with (
            socket.create_connection((host, int(port)), timeout=30) as connection,
            contextlib.suppress(ConnectionError),
        ):
            request = f"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n"
            connection.sendall(request.encode())
            return connection.recv(65536)
        return b""

    assert poll() == b""
    call(raw.ready, steps(["buffered", "1"]))
    working = Call(raw.ready, steps(["head"], ["sleep", 0.5], ["chunk", "the function's"], ["end"]))
    assert poll() == b""
    assert working.finish().body == b"the function's"
    assert alive(before["pid"]), "it is not killed either"
    assert raw.log().count(f"the Runtime API at {host}:{port} refused a connection") == 1
