"""The function's telemetry: what a client waits for it, and what it costs the environment."""

from .series import FIGURES, SIDES, measure

__all__ = ["FIGURES", "SIDES", "measure"]
