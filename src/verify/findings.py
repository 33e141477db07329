"""What a check found: its verdict, what was expected and what was seen."""

from dataclasses import dataclass

OK, FAILED, UNSEEN, UNCHECKED = "ok", "failed", "not seen in time", "not checked"


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        name: the check's name, as the README has it.
        expected: what the project claims.
        verdict: one of the four above.
        seen: what was there; of a check that was not made, the reason.
    """

    name: str
    expected: str
    verdict: str
    seen: str

    @property
    def is_bad(self) -> bool:
        """Whether the stack does not do what is claimed, as far as can be seen."""
        return self.verdict in (FAILED, UNSEEN)


def judged(name: str, expected: str, problems: list[str], seen: str) -> Finding:
    """Return the finding of a check: it failed if there are problems, which then come first in what was seen."""
    return Finding(name, expected, FAILED if problems else OK, "; ".join([*problems, seen] if seen else problems))
