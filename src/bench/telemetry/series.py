"""Requests to two sandboxes in turn, to one with telemetry and to one without."""

import contextlib
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.progress import Told
from bench.report import compare
from bench.sandbox import ROOT, Sandbox, running
from bench.telemetry.client import Client
from bench.telemetry.stacks import without_telemetry

SIDES = ("with", "without")
FIGURES = {"ttfb_ms": "TTFB", "last_byte_ms": "last byte", "duration_ms": "Duration in REPORT"}

# Among these is the copy's first cold start, which compiles its modules.
_WARM_UP = 20
_TRIES = 10


def measure(requests: Mapping[str, int], told: Told) -> list[dict[str, Any]]:
    """Make so many `warm` and so many `cold` requests to each; return a comparison of every figure."""
    with contextlib.ExitStack() as stack:
        told("starting two sandboxes", 0, 0)
        first, second = (Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))) for _ in range(2))
        sandboxes = (
            stack.enter_context(running(ROOT / "template.yaml", first)),
            stack.enter_context(running(without_telemetry(second), second)),
        )
        clients = [Client(sandbox.ready) for sandbox in sandboxes]
        results = []
        for start, count in {"warm-up": _WARM_UP, **requests}.items():
            samples: tuple[list[dict[str, float]], ...] = ([], [])
            for number in range(count):
                told(start, number, count)
                for side in (0, 1) if number % 2 == 0 else (1, 0):  # neither is always the first of a pair
                    samples[side].append(_sample(sandboxes[side], clients[side], cold=start == "cold"))
            if requests.get(start):
                results += compare(start, FIGURES, *samples)
        return results


def _sample(sandbox: Sandbox, client: Client, *, cold: bool) -> dict[str, float]:
    for _ in range(_TRIES if cold else 1):
        if cold:
            sandbox.kill_environments()
        if sample := client.sample():
            return sample
        # The sandbox had given the request to an environment before it heard that this had been killed.
    sys.exit("bench: the function answers 502")
