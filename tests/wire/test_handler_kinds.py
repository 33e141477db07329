"""The kinds of handler on the wire: what each sends, in good and in bad times. All keep the same contract."""

import base64
import json
import re
import time
from collections.abc import Callable

import pytest

from wire.conftest import Runtime
from wire.http_message import Request
from wire.strict_runtime_api import Invocation, StrictRuntimeApi

RunFunction = Callable[..., Runtime]

HEAD = """
import asyncio, contextvars, time
from lambda_streaming import ResponseStart, streamify_response

@streamify_response
"""
# How each kind says the same: the first line, `start()` with arguments, a chunk, and a wait.
KINDS = {
    "function": (
        "def handler(event, context, *, response_stream):",
        "response_stream.start({})",
        "response_stream.write({})",
        "time.sleep({})",
    ),
    "generator": ("def handler(event, context):", "yield ResponseStart({})", "yield {}", "time.sleep({})"),
    "generator with the stream": (
        "def handler(event, context, response_stream):\n    yield ''",
        "response_stream.start({})",
        "yield {}",
        "time.sleep({})",
    ),
    "async def": (
        "async def handler(event, context, *, response_stream):",
        "response_stream.start({})",
        "response_stream.write({})",
        "await asyncio.sleep({})",
    ),
    "async generator": (
        "async def handler(event, context):",
        "yield ResponseStart({})",
        "yield {}",
        "await asyncio.sleep({})",
    ),
}
GENERATORS = [kind for kind in KINDS if "generator" in kind]
ASYNC = [kind for kind in KINDS if "async" in kind]
every_kind = pytest.mark.parametrize("kind", KINDS)


def handler(kind: str, *lines: str) -> str:
    """The source of a handler of this kind; in the lines, START, CHUNK and WAIT stand for its own words."""
    first, start, chunk, wait = KINDS[kind]
    body = []
    for line in lines:
        text = line.lstrip()
        indent = line[: len(line) - len(text)]
        for word, form in (("START ", start), ("CHUNK ", chunk), ("WAIT ", wait)):
            if text.startswith(word):
                text = form.format(text.removeprefix(word))
        body.append(f"    {indent}{text}\n")
    return f"{HEAD}{first}\n{''.join(body)}"


def error_of(request: Request) -> dict[str, object]:
    if request.path.endswith("/error"):
        body = request.body
    else:
        trailer = request.trailer("Lambda-Runtime-Function-Error-Body")
        assert trailer is not None, "the response is whole"
        body = base64.b64decode(trailer, validate=True)
    error: dict[str, object] = json.loads(body)
    return error


@every_kind
@pytest.mark.parametrize("chunk", ["b'x' * 26", "bytearray(b'x' * 26)", "memoryview(b'x' * 26)"])
def test_every_kind_sends_the_same_bytes(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str, chunk: str
) -> None:
    start = "START status_code=201, headers={'content-type': 'text/plain'}, cookies=['a=b']"
    run_function(handler(kind, start, "CHUNK 'Hé'", "CHUNK b''", "WAIT 0.001", f"CHUNK {chunk}"))
    api.invoke(Invocation())
    prelude = b'{"statusCode":201,"headers":{"content-type":"text/plain"},"cookies":["a=b"]}' + b"\0" * 8
    assert api.answer().raw.partition(b"\r\n\r\n")[2] == (
        b"%x\r\n%b\r\n" % (len(prelude), prelude) + b"3\r\nH\xc3\xa9\r\n" + b"1a\r\n" + b"x" * 26 + b"\r\n0\r\n\r\n"
    )


@every_kind
def test_each_chunk_is_sent_at_once(api: StrictRuntimeApi, run_function: RunFunction, kind: str) -> None:
    """The handler waits for its client: the second chunk exists only after the first has arrived."""
    runtime = run_function(
        handler(
            kind,
            "from pathlib import Path",
            "CHUNK 'first'",
            "deadline = time.monotonic() + 100",
            "while not Path('seen').exists() and time.monotonic() < deadline:",
            "    WAIT 0.01",
            "CHUNK 'second' if time.monotonic() < deadline else 'nobody saw the first'",
        )
    )
    api.invoke(Invocation())
    until = time.monotonic() + 30
    while b"first" not in api.so_far() and time.monotonic() < until:
        time.sleep(0.01)
    assert b"first" in api.so_far()
    (runtime.folder / "seen").touch()
    assert api.answer().request.chunks == [b"first", b"second"]


@every_kind
@pytest.mark.parametrize("before", ["", "START status_code=200", "CHUNK ''"])
def test_an_error_before_the_first_byte_goes_to_error(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str, before: str
) -> None:
    runtime = run_function(
        handler(kind, *([before] if before else []), "WAIT 0.001", "raise ValueError('early')", "CHUNK 'x'")
    )
    for _ in range(2):
        api.invoke(Invocation())
        request = api.answer().request
        assert request.path.endswith("/error")
        error = error_of(request)
        assert (error["errorType"], error["errorMessage"]) == ("ValueError", "early")
        assert error["stackTrace"] == []
    assert "raise ValueError('early')" in runtime.log


@every_kind
def test_an_error_after_the_first_byte_goes_into_trailers(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    runtime = run_function(handler(kind, "CHUNK 'a'", "WAIT 0.001", "raise ValueError('late')"))
    for _ in range(2):
        api.invoke(Invocation())
        request = api.answer().request
        assert request.chunks == [b"a"]
        error = error_of(request)
        assert (error["errorType"], error["errorMessage"]) == ("ValueError", "late")
        assert error["stackTrace"] == []
    assert "raise ValueError('late')" in runtime.log


@every_kind
def test_an_error_in_a_finally_is_reported(api: StrictRuntimeApi, run_function: RunFunction, kind: str) -> None:
    run_function(handler(kind, "try:", "    CHUNK 'a'", "finally:", "    WAIT 0.001", "    raise KeyError('cleanup')"))
    api.invoke(Invocation())
    request = api.answer().request
    assert request.chunks == [b"a"]
    assert error_of(request)["errorType"] == "KeyError"


@every_kind
def test_an_empty_response_keeps_status_and_headers(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    run_function(handler(kind, "START 204, {'x': 'y'}"))
    api.invoke(Invocation())
    request = api.answer().request
    assert request.body == b'{"statusCode":204,"headers":{"x":"y"}}' + b"\0" * 8
    assert not request.trailers


@every_kind
def test_two_invocations_in_a_row_share_nothing(api: StrictRuntimeApi, run_function: RunFunction, kind: str) -> None:
    # A function and a generator run in the context of Lambda's own loop, as under the plain client.
    sets_variable = ["variable.set('from the first')"] if kind in ASYNC else []
    run_function(
        "import contextvars\nvariable = contextvars.ContextVar('variable', default='unset')\n"
        + handler(
            kind, "START 200, {'number': event['number']}", "CHUNK event['number'] + variable.get()", *sets_variable
        )
    )
    for number in ("1", "2"):
        api.invoke(Invocation(event=json.dumps({"number": number}).encode()))
        prelude = f'{{"statusCode":200,"headers":{{"number":"{number}"}}}}' + "\0" * 8
        assert api.answer().request.body.decode() == prelude + number + "unset"


@pytest.mark.parametrize("kind", GENERATORS)
@pytest.mark.parametrize(
    ("yielded", "error"),
    [
        ("1", "TypeError: a streaming handler yields str, bytes or ResponseStart, not int"),
        ("{'a': 1}", "TypeError: a streaming handler yields str, bytes or ResponseStart, not dict"),
        ("None", "TypeError: a streaming handler yields str, bytes or ResponseStart, not NoneType"),
        ("ResponseStart()", "RuntimeError: start() must be called once, before the first write()"),
        ("'\\ud800'", "UnicodeEncodeError: 'utf-8' codec can't encode character"),
    ],
)
def test_what_cannot_be_sent_raises_at_the_yield(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str, yielded: str, error: str
) -> None:
    runtime = run_function(
        handler(
            kind,
            "CHUNK 'a'",
            "try:",
            f"    yield {yielded}",
            "except Exception as error:",
            "    yield f'{type(error).__name__}: {error}'",
            f"yield {yielded}",
            "yield 'never'",
        )
    )
    api.invoke(Invocation())
    request = api.answer().request
    first, second = request.chunks
    assert first == b"a"
    assert second.decode().startswith(error)
    reported = error_of(request)
    assert reported["errorType"] == error.partition(":")[0]
    assert f"yield {yielded}" in runtime.log


@every_kind
def test_a_broken_connection_raises_where_the_chunk_is_sent_and_hangs_nothing(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    runtime = run_function(
        handler(
            kind,
            "try:",
            "    for number in range(5000):",
            "        CHUNK 'x' * 1000",
            "except ConnectionError:",
            "    print('BROKEN')",
            "    raise",
            "finally:",
            "    print('CLEAN')",
        )
    )
    api.invoke(Invocation(drop_after=5000))
    assert api.answer().cut
    api.wait_for_next(2)
    assert (runtime.log.count("BROKEN"), runtime.log.count("CLEAN")) == (1, 1)
    api.invoke(Invocation())
    assert len(api.answer().request.body) == 5_000_000


@pytest.mark.parametrize("kind", ASYNC)
@pytest.mark.parametrize("first", ["", "CHUNK 'a'"])
def test_async_handlers_are_cancelled_in_an_orderly_way_before_the_deadline(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str, first: str
) -> None:
    lines = ["try:", "    WAIT 60", "    CHUNK 'never'", "finally:", "    WAIT 0.01", "    print('CLEAN')"]
    runtime = run_function(handler(kind, *([first] if first else []), *lines))
    for number in (1, 2):
        api.invoke(Invocation(deadline_ms=int((time.time() + 2) * 1000)))
        request = api.answer().request
        assert request.chunks == ([b"a"] if first else request.chunks)
        assert request.path.endswith("/response" if first else "/error")
        error = error_of(request)
        assert error["errorType"] == "TimeoutError"
        assert re.fullmatch(r"cancelled \d\.\d s before the function's timeout", str(error["errorMessage"]))
        assert runtime.log.count("CLEAN") == number


@pytest.mark.parametrize("kind", ASYNC)
def test_last_words_at_the_deadline(api: StrictRuntimeApi, run_function: RunFunction, kind: str) -> None:
    lines = ["try:", "    WAIT 60", "except asyncio.CancelledError:", "    CHUNK 'time is up'", "    raise"]
    run_function(handler(kind, "CHUNK 'a'", *lines))
    api.invoke(Invocation(deadline_ms=int((time.time() + 2) * 1000)))
    request = api.answer().request
    assert request.chunks == [b"a", b"time is up"]
    assert error_of(request)["errorType"] == "TimeoutError"


@pytest.mark.parametrize("kind", ASYNC)
def test_a_timeout_of_the_handlers_own_stays_its_own(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    run_function(handler(kind, "CHUNK 'a'", "raise TimeoutError('the model is silent')"))
    api.invoke(Invocation())
    assert error_of(api.answer().request)["errorMessage"] == "the model is silent"


@pytest.mark.parametrize("kind", ASYNC)
@pytest.mark.parametrize("first", ["", "CHUNK 'a'"])
def test_a_handler_that_awaits_something_cancelled_has_failed_like_any_other(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str, first: str
) -> None:
    lines = ["task = asyncio.create_task(asyncio.sleep(60))", "task.cancel()", "await task", "CHUNK 'never'"]
    runtime = run_function("import os\nprint('STARTED')\n" + handler(kind, *([first] if first else []), *lines))
    for _ in range(2):
        api.invoke(Invocation())
        request = api.answer().request
        assert request.path.endswith("/response" if first else "/error")
        assert error_of(request)["errorType"] == "RuntimeError"
        assert error_of(request)["errorMessage"] == "the handler was cancelled: it awaited something that was cancelled"
    assert runtime.log.count("STARTED") == 1


@pytest.mark.parametrize("kind", ASYNC)
def test_a_task_that_does_not_obey_holds_up_nothing_for_long(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    runtime = run_function(
        "import asyncio\nasync def stubborn():\n"
        "    while True:\n        try:\n            await asyncio.sleep(60)\n"
        "        except asyncio.CancelledError:\n            print('NO')\n"
        + handler(
            kind,
            "response_stream.on_finish(lambda: print('FINISHED'))",
            "task = asyncio.create_task(stubborn(), name='reader')",
            "WAIT 0.001",
            "CHUNK 'a'",
        ).replace("handler(event, context):", "handler(event, context, response_stream):")
    )
    for number in (1, 2):
        api.invoke(Invocation())
        assert api.answer().request.chunks == [b"a"]
        api.wait_for_next(number + 1)
        assert runtime.log.count("FINISHED") == number
    assert "does not end when it is cancelled: reader" in runtime.log
    assert runtime.log.index("FINISHED") < runtime.log.index("NO")


def test_an_abandoned_async_generator_can_clean_up(api: StrictRuntimeApi, run_function: RunFunction) -> None:
    runtime = run_function(
        "import asyncio\nasync def source():\n    try:\n        yield 'a'\n        yield 'b'\n"
        "    finally:\n        await asyncio.sleep(0.05)\n        print('CLEAN')\n"
        + handler("async generator", "async for text in source():", "    yield text", "    break")
    )
    api.invoke(Invocation())
    assert api.answer().request.chunks == [b"a"]
    api.wait_for_next(2)
    assert runtime.log.count("CLEAN") == 1


@pytest.mark.parametrize("kind", ASYNC)
def test_one_loop_serves_all_invocations_and_no_task_outlives_its_own(
    api: StrictRuntimeApi, run_function: RunFunction, kind: str
) -> None:
    runtime = run_function(
        "import asyncio\n"
        "async def forever():\n"
        "    try:\n        await asyncio.sleep(60)\n"
        "    finally:\n        print('STOPPED')\n"
        "async def fails():\n"
        "    try:\n        await asyncio.sleep(60)\n"
        "    finally:\n        raise OSError('in a task')\n"
        + handler(
            kind,
            "tasks = [asyncio.create_task(forever()), asyncio.create_task(fails())]",
            "WAIT 0.001",
            "CHUNK f'{id(asyncio.get_running_loop())} {len(asyncio.all_tasks())}'",
        )
    )
    bodies = set()
    for number in (1, 2, 3):
        api.invoke(Invocation())
        bodies.add(api.answer().request.body.decode())
        api.wait_for_next(number + 1)
        assert runtime.log.count("STOPPED") == number
    assert runtime.log.count("OSError: in a task") == 3
    assert len(bodies) == 1, bodies
    assert bodies.pop().endswith(" 3"), "the handler and its two tasks"


@every_kind
def test_on_finish_comes_after_the_answer(api: StrictRuntimeApi, run_function: RunFunction, kind: str) -> None:
    source = handler(kind, "response_stream.on_finish(lambda: print('FINISHED'))", "CHUNK 'a'", "raise ValueError")
    runtime = run_function(source.replace("handler(event, context):", "handler(event, context, response_stream):"))
    api.invoke(Invocation())
    api.answer()
    api.wait_for_next(2)
    assert runtime.log.count("FINISHED") == 1


def test_an_async_generator_that_stands_still_lets_its_tasks_run(
    api: StrictRuntimeApi, run_function: RunFunction
) -> None:
    """Such as a timer that sends comments while the model is silent."""
    run_function(
        handler(
            "async def",
            "async def keep_alive():",
            "    while True:",
            "        response_stream.write(': keep-alive')",
            "        await asyncio.sleep(60)",
            "task = asyncio.create_task(keep_alive())",
            "WAIT 0.05",
            "task.cancel()",
            "CHUNK 'answer'",
        )
    )
    api.invoke(Invocation())
    assert api.answer().request.chunks == [b": keep-alive", b"answer"]
