"""The project beside others: the same responses through it, Node.js, FastAPI and a bare socket, measured in turn."""

from collections.abc import Callable, Sequence

from bench.peers import events, layer, lengths, node, start
from bench.peers.plan import FULL, QUICK, Plan
from bench.peers.runtime_api import PeerError
from bench.peers.sample import Sample
from bench.progress import Told

__all__ = ["FULL", "PARTS", "QUICK", "PeerError", "Plan", "Sample", "measure"]

# Each kind of measurement: what it is called, and what measures it.
PARTS: dict[str, Callable[[Plan, Told], list[Sample]]] = {
    layer.PART: layer.measure,
    start.PART: start.measure,
    events.PART: events.measure,
    lengths.PART: lengths.measure,
}


def measure(parts: Sequence[str], plan: Plan, told: Told) -> list[Sample]:
    """Measure these parts one after the other; return all samples.

    Raises:
        PeerError: a peer failed, or cannot be installed.
    """
    told("AWS's Node.js client, which is installed the first time", 0, 0)
    node.runtime_interface_client()
    return [sample for part in parts for sample in PARTS[part](plan, told)]
