"""Meta Llama's format in InvokeModelWithResponseStream: its request body and its chunks.

There is no recording of it here. The chunks are those that AWS documents and that users quote:
https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-meta.html
"""

import re
from typing import Any

from sandbox.bedrock.answer import Answer, Delta, Prompt, Usage
from sandbox.bedrock.dialect import Latency, Reported, all_reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.validation import COUNT, SAMPLING, TEXT, TEXTS, record
from sandbox.bedrock.wire import chunk_events

MODEL_IDS = re.compile(r"meta\.llama[34]")
TEXT_ONLY = True

# The documented default.
_DEFAULT_MAX_GEN_LEN = 512
# The prompt is one text. Special tokens mark the messages in it, in the templates of Llama 3 and of Llama 4:
# https://www.llama.com/docs/model-cards-and-prompt-formats/
_USER_MESSAGE = re.compile(
    r"<\|(?:start_header_id|header_start)\|>user<\|(?:end_header_id|header_end)\|>\n*(.*?)(?=<\|(?:eot_id|eot)\|>|\Z)",
    re.DOTALL,
)
_STOP_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
BODY = record(
    {"prompt": TEXT, "images": TEXTS, "max_gen_len": {**COUNT, "maximum": 8192}, **SAMPLING},
    required=("prompt",),
)


def read(body: Any) -> Prompt:
    """Read a Llama body that fits `BODY`."""
    prompt = body["prompt"]
    messages: list[str] = _USER_MESSAGE.findall(prompt)
    return Prompt(
        user_text=messages[-1] if messages else prompt,
        texts=(prompt,),
        max_tokens=body.get("max_gen_len", _DEFAULT_MAX_GEN_LEN),
    )


def start(_model: Model, _answer: Answer) -> list[bytes]:
    """Return nothing: the first delta comes first."""
    return []


def delta(answer: Answer, delta: Delta, latency: Latency) -> list[bytes]:
    """Return one delta. The first one also reports the prompt's tokens.

    An answer that is cut says so in its last delta. An answer that ends by itself has a chunk for its end.
    """
    if delta.closes and answer.stop_reason == "max_tokens":
        return _last_chunk(answer, delta.text, delta.position, latency)
    return _chunk(answer, delta.text, delta.position, delta.position + 1)


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """Return a last chunk without text, or nothing for an answer that was cut."""
    if answer.deltas and answer.stop_reason == "max_tokens":
        return []
    return _last_chunk(answer, "", len(answer.deltas), latency)


def reported(answer: Answer, usage: Usage, told: int) -> Reported:
    """Return the input and the output so far, from the first delta on. The end of an answer that is cut has all."""
    if told == 0:
        return Reported()
    is_cut = told == len(answer.deltas) and answer.stop_reason == "max_tokens"
    return all_reported(usage) if is_cut else Reported(input=usage.input, output=told)


def _last_chunk(answer: Answer, text: str, position: int, latency: Latency) -> list[bytes]:
    generated = answer.usage.own_output if answer.usage else 0
    reason = _STOP_REASONS.get(answer.stop_reason, answer.stop_reason)
    return _chunk(answer, text, position, generated, reason, **invocation_metrics(answer.usage, latency))


def _chunk(
    answer: Answer, text: str, position: int, generated: int, reason: str | None = None, **metrics: Any
) -> list[bytes]:
    return chunk_events(
        {
            "generation": text,
            "prompt_token_count": answer.usage.input if answer.usage and position == 0 else None,
            "generation_token_count": generated if answer.usage else None,
            "stop_reason": reason,
            **metrics,
        },
        intervened=answer.intervened,
    )
