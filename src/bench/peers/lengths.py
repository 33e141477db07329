"""Streaming against buffering: when a client has the first text and the last byte, over answer lengths."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

from bench.peers import bedrock_stub
from bench.peers.deployed import chat_event, deployed, stack_environment
from bench.peers.events import fleet
from bench.peers.plan import Plan
from bench.peers.runtime_api import RuntimeApi
from bench.peers.sample import Sample, Samples
from bench.progress import Told
from bench.sandbox import ROOT

PART = "lengths"
_EVERY_MS = 10
# Texts of an answer, in full and in the short form.
LENGTHS = (20, 100, 400)
_QUICK_LENGTHS = (5, 20)
# In bare text the first byte of the body is the first text. In JSON the text is there when all of it is.
_ACCEPTS = {"streaming": "text/plain", "buffered": "application/json"}


def measure(plan: Plan, told: Told, root: Path = ROOT) -> list[Sample]:
    """Ask the stack's own function for the same answer in both ways, at the same time, round by round.

    Args:
        plan: how much.
        told: hears how far it is.
        root: the checkout whose function is measured.

    Raises:
        PeerError: the function failed.
    """
    lengths = _QUICK_LENGTHS if plan.is_quick else LENGTHS
    samples = Samples(PART)
    with ExitStack() as stack:
        told(f"{PART}: starting the function", 0, 0)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        api = stack.enter_context(RuntimeApi())
        bedrock = stack.enter_context(bedrock_stub.running())
        form = deployed(root).with_pyc

        def environment(address: str) -> dict[str, str]:
            return stack_environment(form, address, bedrock)

        asked = stack.enter_context(fleet("firstbyte", form.command, environment, api, folder, len(_ACCEPTS)))
        asked.ask(1, 0)  # the first response imports what records it
        ways = dict(zip(_ACCEPTS, asked.processes, strict=True))
        for turn in range(plan.rounds):
            for number, texts in enumerate(lengths):
                told(f"{PART}, answers", turn * len(lengths) + number, plan.rounds * len(lengths))
                prompt = bedrock_stub.prompt(texts, _EVERY_MS)
                events = {address: chat_event(prompt, _ACCEPTS[way]) for way, address in ways.items()}
                responses = api.invoke(events, check=asked.check)
                for way, address in ways.items():
                    (response,) = responses[address]
                    last = (response.last_byte_at - response.given_at) * 1000
                    first = (response.first_byte_at - response.given_at) * 1000 if way == "streaming" else last
                    samples.add(f"{texts} texts", way, "first_text_ms", first)
                    samples.add(f"{texts} texts", way, "last_byte_ms", last)
    return samples.all()
