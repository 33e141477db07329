"""Lambda: execution environments, the Runtime API, the Function URL, streaming invoke, schedules; real processes."""
