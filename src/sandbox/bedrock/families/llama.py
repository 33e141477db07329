"""Meta Llama's format in InvokeModelWithResponseStream: its request body and its chunks.

No recording was at hand: the chunks are those that AWS documents and that users quote.
"""

import re
from typing import Any

from sandbox.bedrock.answer import Answer, Delta, Usage
from sandbox.bedrock.dialect import Latency, Reported, all_reported, invocation_metrics
from sandbox.bedrock.models import Model
from sandbox.bedrock.prompt import Prompt
from sandbox.bedrock.validation import COUNT, FRACTION, TEXT, record
from sandbox.bedrock.wire import chunk_event

MODEL_IDS = re.compile(r"meta\.llama[34]")
TEXT_ONLY = True

# The documented default.
_DEFAULT_MAX_GEN_LEN = 512
# The prompt is one text; in the templates of Llama 3 and Llama 4 special tokens mark the messages in it.
_USER_MESSAGE = re.compile(
    r"<\|(?:start_header_id|header_start)\|>user<\|(?:end_header_id|header_end)\|>\n*(.*?)(?=<\|(?:eot_id|eot)\|>|\Z)",
    re.DOTALL,
)
_STOP_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
BODY = record(
    {"prompt": TEXT, "max_gen_len": {**COUNT, "maximum": 8192}, "temperature": FRACTION, "top_p": FRACTION},
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
    """Nothing precedes the first delta."""
    return []


def delta(answer: Answer, delta: Delta, latency: Latency) -> list[bytes]:
    """One delta; the prompt's tokens are reported with the first.

    An answer that is cut says so in its last delta: only one that ends by itself has a chunk for its end.
    """
    if delta.closes and answer.stop_reason == "max_tokens":
        return [_last_chunk(answer, delta.text, delta.position, latency)]
    return [_chunk(answer, delta.text, delta.position, delta.position + 1)]


def end(answer: Answer, latency: Latency) -> list[bytes]:
    """A last chunk without text, except for an answer that was cut."""
    if answer.deltas and answer.stop_reason == "max_tokens":
        return []
    return [_last_chunk(answer, "", len(answer.deltas), latency)]


def reported(answer: Answer, usage: Usage, told: int) -> Reported:
    """The input with the first delta, with each the output so far, and all with the last of an answer that is cut."""
    if told == 0:
        return Reported()
    is_cut = told == len(answer.deltas) and answer.stop_reason == "max_tokens"
    return all_reported(usage) if is_cut else Reported(input=usage.input, output=told)


def _last_chunk(answer: Answer, text: str, position: int, latency: Latency) -> bytes:
    generated = answer.usage.own_output if answer.usage else 0
    reason = _STOP_REASONS.get(answer.stop_reason, answer.stop_reason)
    return _chunk(answer, text, position, generated, reason, **invocation_metrics(answer.usage, latency))


def _chunk(
    answer: Answer, text: str, position: int, generated: int, reason: str | None = None, **metrics: Any
) -> bytes:
    return chunk_event(
        {
            "generation": text,
            "prompt_token_count": answer.usage.input if answer.usage and position == 0 else None,
            "generation_token_count": generated if answer.usage else None,
            "stop_reason": reason,
            **metrics,
        }
    )
