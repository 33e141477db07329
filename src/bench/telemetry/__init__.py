"""The function's telemetry: what a client waits for it, and what it costs the environment."""

from .series import FIGURES, measure

__all__ = ["FIGURES", "measure"]
