"""The probe: whether it delays what it measures, and how far its figures are from the wire's."""

from .series import CASES, FIGURES, SIDES, Case, Schedule, Server, measure, sample

__all__ = ["CASES", "FIGURES", "SIDES", "Case", "Schedule", "Server", "measure", "sample"]
