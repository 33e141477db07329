"""Builds the call of Bedrock for a request: which of the two streaming APIs, and with which body.

A new model family adds its body to `_FAMILIES`. Models of other families are called through Converse.
"""

import json
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from firstbyte.config import Guardrail
from firstbyte.failures import ErrorType, Failure, RequestError
from firstbyte.given import given
from firstbyte.request import ChatRequest


class ModelCall(NamedTuple):
    """A call of the Bedrock client.

    Attributes:
        operation: the name of the client's method.
        arguments: its keyword arguments.
        stream_key: the key under which the response holds the event stream.
    """

    operation: str
    arguments: dict[str, Any]
    stream_key: str


def model_call(request: ChatRequest, model_id: str, guardrail: Guardrail | None) -> ModelCall:
    """Return the call for one model: InvokeModel if the family's format can express the request, otherwise Converse.

    Args:
        request: what the client asked for.
        model_id: the model to ask. It may differ from the request's: the fallback model does.
        guardrail: what Bedrock checks the request and the answer with, if anything.
    """
    family = _family(model_id)
    checks = _guardrail_fields(guardrail)
    if request.api == "converse" or family is None or not family.can_say(request):
        arguments = {"modelId": model_id, **_converse_fields(request), **given(guardrailConfig=checks or None)}
        return ModelCall("converse_stream", arguments, "stream")
    body = json.dumps(family.body(request))
    return ModelCall(
        "invoke_model_with_response_stream",
        {"modelId": model_id, "body": body, "contentType": "application/json", "accept": "application/json", **checks},
        "body",
    )


def check_api(request: ChatRequest) -> None:
    """Refuse a request that demands InvokeModel where that is not possible.

    Raises:
        RequestError: an `invalid_request` that names the field.
    """
    if request.api != "invoke":
        return
    family = _family(request.model)
    if family is None:
        message = "api cannot be invoke for this model: the format of its family is not known; use converse"
        raise RequestError(Failure.of(ErrorType.INVALID_REQUEST, message, field="api"))
    if not family.can_say(request):
        message = "stop_sequences are not known to this model's own format; set api to converse, or leave them out"
        raise RequestError(Failure.of(ErrorType.INVALID_REQUEST, message, field="stop_sequences"))


def _guardrail_fields(guardrail: Guardrail | None) -> dict[str, str]:
    # No stream processing mode is set. In the default, the synchronous one, Bedrock holds back each piece of the answer
    # until the guardrail has checked it. That is part of TTFT, and text may come in larger pieces. In the other mode
    # text goes out before it is checked.
    # https://docs.aws.amazon.com/bedrock/latest/userguide/guardrails-streaming.html
    if guardrail is None:
        return {}
    return {"guardrailIdentifier": guardrail.identifier, "guardrailVersion": guardrail.version}


def _converse_fields(request: ChatRequest) -> dict[str, Any]:
    # https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
    return {
        "messages": [{"role": turn.role, "content": [{"text": turn.content}]} for turn in request.messages],
        **({"system": [{"text": request.system}]} if request.system is not None else {}),
        "inferenceConfig": given(
            maxTokens=request.max_tokens,
            temperature=request.temperature,
            topP=request.top_p,
            stopSequences=list(request.stop_sequences) or None,
        ),
    }


def _anthropic_body(request: ChatRequest) -> dict[str, Any]:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages-request-response.html
    return given(
        anthropic_version="bedrock-2023-05-31",
        max_tokens=request.max_tokens,
        messages=[
            {"role": turn.role, "content": [{"type": "text", "text": turn.content}]} for turn in request.messages
        ],
        system=request.system,
        temperature=request.temperature,
        top_p=request.top_p,
        stop_sequences=list(request.stop_sequences) or None,
    )


def _nova_body(request: ChatRequest) -> dict[str, Any]:
    # This is the Converse request with a version. https://docs.aws.amazon.com/nova/latest/userguide/complete-request-schema.html
    return {"schemaVersion": "messages-v1", **_converse_fields(request)}


def _llama_body(header: tuple[str, str], end_of_turn: str) -> Callable[[ChatRequest], dict[str, Any]]:
    # https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
    # https://www.llama.com/docs/model-cards-and-prompt-formats/
    def heading(role: str) -> str:
        return f"{header[0]}{role}{header[1]}\n\n"

    def body(request: ChatRequest) -> dict[str, Any]:
        turns = [("system", request.system)] if request.system is not None else []
        turns += [(turn.role, turn.content) for turn in request.messages]
        prompt = "".join(f"{heading(role)}{text}{end_of_turn}" for role, text in turns)
        return given(
            prompt=f"<|begin_of_text|>{prompt}{heading('assistant')}",
            max_gen_len=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
        )

    return body


class _Family(NamedTuple):
    body: Callable[[ChatRequest], dict[str, Any]]
    stop_sequences: bool = True

    def can_say(self, request: ChatRequest) -> bool:
        return self.stop_sequences or not request.stop_sequences


_FAMILIES = {
    "anthropic.claude": _Family(_anthropic_body),
    "amazon.nova": _Family(_nova_body),
    "meta.llama3": _Family(
        _llama_body(("<|start_header_id|>", "<|end_header_id|>"), "<|eot_id|>"), stop_sequences=False
    ),
    "meta.llama4": _Family(_llama_body(("<|header_start|>", "<|header_end|>"), "<|eot|>"), stop_sequences=False),
}
# A model id begins with the family. An inference profile's id begins with a geography (us., eu., global., ...). In an
# ARN, either follows the last slash. The ARNs of application profiles, provisioned and imported models have no such
# name, and so no family.
_FAMILY_IN_ID = re.compile(rf"(?:^|/)(?:[a-z-]+\.)?({'|'.join(map(re.escape, _FAMILIES))})")


def _family(model_id: str) -> _Family | None:
    found = _FAMILY_IN_ID.search(model_id)
    return _FAMILIES[found[1]] if found else None
