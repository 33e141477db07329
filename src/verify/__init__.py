"""Checks a deployed stack against what the project claims: reads it, sends a few requests, writes a report."""
