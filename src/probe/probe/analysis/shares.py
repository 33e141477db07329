"""Parts of a whole as whole percentages that add up to 100."""

from collections.abc import Sequence


def shares(parts: Sequence[float]) -> list[int]:
    """The percentages, by the largest remainder (Hamilton's method): each is off by less than 1.

    All are 0 where the parts, none of which may be negative, add up to nothing.
    """
    whole = sum(parts)
    if whole <= 0.0:
        return [0] * len(parts)
    exact = [100 * part / whole for part in parts]
    found = [int(share) for share in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: found[index] - exact[index])
    for index in by_remainder[: 100 - sum(found)]:
        found[index] += 1
    return found
