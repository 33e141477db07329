"""The HTTP application: routes, request bodies and errors of Bedrock's streaming APIs; no authentication."""

import asyncio
import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from aiohttp import web

from sandbox.bedrock import converse
from sandbox.bedrock.answer import Answer, Prompt, compose
from sandbox.bedrock.conversation import REQUEST_METADATA
from sandbox.bedrock.dialect import Dialect
from sandbox.bedrock.errors import STREAM_FAULTS, RefusedError, ServiceError, invalid
from sandbox.bedrock.families import family_of
from sandbox.bedrock.guardrails import check_guardrail_headers
from sandbox.bedrock.models import Model, find_model
from sandbox.bedrock.playback import Playback
from sandbox.bedrock.script import ERROR_CHUNK, Directive, Script, ScriptError, parse_directive, script_for
from sandbox.bedrock.served import Served
from sandbox.bedrock.validation import check_body
from sandbox.doors import body_of
from sandbox.eventstream import CONTENT_TYPE
from sandbox.strict_json import parse_json

T = TypeVar("T")

INVOKE = "InvokeModelWithResponseStream"
CONVERSE = "ConverseStream"

# The largest body that the service takes, in bytes.
_MAX_BODY_BYTES = 25_000_000
# Larger bodies are read, and longer answers (in deltas) made, on a thread: the streams of others go on. Within these,
# nothing takes much longer than ten milliseconds.
_SMALL_BODY_BYTES, _SHORT_ANSWER = 5_000, 2_000
# Recorded errors have this after the code.
_ERROR_NAMESPACE = "http://internal.amazon.com/coral/com.amazon.bedrock/"
# In botocore's service model the event streams of both APIs have every fault's event, except for the first of these.
_NOT_IN_CONVERSE = {"model_timeout": STREAM_FAULTS["model_timeout"].event_type, ERROR_CHUNK: "error in a chunk"}
_METADATA = "X-Amzn-Bedrock-Request-Metadata"
# What the service says of models that make no text. Many users quote the second, the first is from this report:
# https://github.com/aws-samples/amazon-bedrock-client-for-mac/issues/112
_MAKES_NO_TEXT = {
    INVOKE: "The model is unsupported for streaming.",
    CONVERSE: "This action doesn't support the model that you provided. Try again with a supported text or chat model.",
}


def bedrock_app(default_script: str, region: str, on_served: Callable[[Served], None]) -> web.Application:
    """Return the stand-in as an application.

    Args:
        default_script: a directive without its brackets, for every request. The directives of a prompt override it.
        region: the region that it stands in for. Each has models of its own.
        on_served: called once for every request to one of the two operations that came whole, however it ends.

    Raises:
        ValueError: `default_script` is not understood; the message names the key.
    """
    serve = partial(_serve, default=parse_directive(default_script), region=region, on_served=on_served)
    app = web.Application(client_max_size=_MAX_BODY_BYTES)
    app.router.add_post("/model/{model_id}/invoke-with-response-stream", partial(serve, api=INVOKE))
    app.router.add_post("/model/{model_id}/converse-stream", partial(serve, api=CONVERSE))
    app.router.add_route("*", "/{path:.*}", _not_here)
    return app


async def _serve(
    request: web.Request, *, api: str, default: Directive, region: str, on_served: Callable[[Served], None]
) -> web.StreamResponse:
    model_id = request.match_info["model_id"]
    body = await body_of(request)
    playback = Playback(request)
    response: web.StreamResponse = web.StreamResponse(headers=_headers(api))
    try:
        if api == INVOKE:
            if (metadata := request.headers.get(_METADATA)) is not None:
                check_body(_parse(metadata.encode()), REQUEST_METADATA)
            check_guardrail_headers(request.headers)
        await playback.play(response, *await _understand(body, api, find_model(model_id, region), default))
    except RefusedError as refusal:
        playback.outcome, playback.status = refusal.error.code, refusal.error.status
        response = _error_response(refusal.error)
    except ConnectionError:
        # There is nobody to answer; aiohttp notices that too, and closes.
        playback.status = response.status if response.prepared else None
    finally:
        on_served(_record(model_id, api, playback))
    return response


async def _understand(body: bytes, api: str, model: Model, default: Directive) -> tuple[Model, Dialect, Script, Answer]:
    if not model.makes_text:
        raise invalid(_MAKES_NO_TEXT[api])
    dialect: Dialect | None = converse if api == CONVERSE else family_of(model)
    if dialect is None:
        raise invalid(f"The sandbox does not know the {INVOKE} format of {model.id[:200]}; it answers to {CONVERSE}.")
    is_large = len(body) > _SMALL_BODY_BYTES
    script, prompt = await _done(partial(_read, body, dialect, model, default), on_a_thread=is_large)
    is_long = is_large or script.reasoning + script.chunks > _SHORT_ANSWER
    answer = await _done(partial(compose, script, prompt), on_a_thread=is_long)
    _check_fit(script, answer, api, model, dialect)
    return model, dialect, script, answer


async def _done(work: Callable[[], T], *, on_a_thread: bool) -> T:
    return await asyncio.to_thread(work) if on_a_thread else work()


def _read(body: bytes, dialect: Dialect, model: Model, default: Directive) -> tuple[Script, Prompt]:
    content = _parse(body)
    check_body(content, dialect.BODY)
    prompt = dialect.read(content)
    try:
        return script_for(model.id, default, prompt.user_text), prompt
    except ScriptError as error:
        raise invalid(str(error)) from None


def _parse(body: bytes) -> Any:
    try:
        content = parse_json(body)
        # JSON can say half of a surrogate pair; UTF-8, and so the answer, cannot.
        json.dumps(content, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise invalid("Malformed input request, please reformat your input and try again.") from None
    return content


def _check_fit(script: Script, answer: Answer, api: str, model: Model, dialect: Dialect) -> None:
    if dialect.TEXT_ONLY and (script.tool or script.reasoning):
        raise invalid(f"model script: the {INVOKE} format of {model.id} has no tool use and no reasoning")
    fault = script.fault
    if fault is None or fault.after is None:
        return
    if fault.after > len(answer.deltas):
        raise invalid(f"model script: fault after {fault.after} deltas, but the answer has {len(answer.deltas)}")
    if api == CONVERSE and fault.name in _NOT_IN_CONVERSE:
        raise invalid(f"model script: the stream of {CONVERSE} has no {_NOT_IN_CONVERSE[fault.name]}")


async def _not_here(request: web.Request) -> web.Response:
    message = f"The sandbox's Bedrock does not stand in for {request.method} {request.rel_url.raw_path[:500]}"
    return _error_response(ServiceError("UnknownOperationException", 501, message))


def _headers(api: str) -> dict[str, str]:
    headers = {"content-type": CONTENT_TYPE, "x-amzn-requestid": str(uuid.uuid4())}
    return {**headers, "x-amzn-bedrock-content-type": "application/json"} if api == INVOKE else headers


def _error_response(error: ServiceError) -> web.Response:
    return web.Response(
        status=error.status,
        headers={
            "content-type": "application/json",
            "x-amzn-errortype": f"{error.code}:{_ERROR_NAMESPACE}",
            "x-amzn-requestid": str(uuid.uuid4()),
        },
        body=json.dumps(error.body, separators=(",", ":")).encode(),
    )


def _record(model_id: str, api: str, playback: Playback) -> Served:
    reported = playback.reported
    return Served(
        model_id=model_id,
        api=api,
        outcome=playback.outcome,
        status=playback.status,
        input_tokens=reported.input,
        output_tokens=reported.output,
        cache_read_tokens=reported.cache_read,
        cache_write_tokens=reported.cache_write,
        first_token_ms=playback.first_token_ms,
        duration_ms=playback.elapsed_ms,
    )
