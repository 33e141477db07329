"""The figures as a document for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.peers.grid import notes
from bench.peers.plan import Plan
from bench.peers.sample import Sample


def document(samples: Sequence[Sample], machine: Mapping[str, str], plan: Plan) -> dict[str, Any]:
    """Return everything that was measured: each sample with its rounds, and where it was measured."""
    return {
        "schema_version": 1,
        "subject": "peers",
        "quick": plan.is_quick,
        "rounds": plan.rounds,
        "machine": dict(machine),
        "samples": [{**asdict(each), "median": each.median, "low": each.low, "high": each.high} for each in samples],
        "notes": notes(samples),
    }
