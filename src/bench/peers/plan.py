"""How much is measured: in full, or in the short form."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """How much each part measures.

    Attributes:
        rounds: how many values each figure gets. Each round has the peers in another order.
        is_quick: whether a round is short, too: enough to see that everything works, not enough to compare.
    """

    rounds: int
    is_quick: bool


FULL = Plan(rounds=5, is_quick=False)
QUICK = Plan(rounds=2, is_quick=True)


def in_turn(peers: Sequence[str], round_number: int) -> list[str]:
    """Return the peers in the order of a round: each is first in turn, and every second round goes backwards.

    So no peer always comes after the same one.
    """
    step = -1 if round_number % 2 else 1
    return [peers[(round_number + step * place) % len(peers)] for place in range(len(peers))]
