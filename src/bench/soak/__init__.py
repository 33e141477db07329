"""The soak: thousands of requests with every fault mixed in, and the books balanced afterwards."""

from .run import FEWEST, MOST, Result, run

__all__ = ["FEWEST", "MOST", "Result", "run"]
