"""Try it: a prompt goes to the function, and its answer appears as it streams, beside its timeline."""

from console.try_it.page import add_pages

__all__ = ["add_pages"]
