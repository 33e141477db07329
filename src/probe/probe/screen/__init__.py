"""What people see: runs while they are made, and tables and charts of them when they are over."""

from .showing import show
from .watching import watcher

__all__ = ["show", "watcher"]
