"""Lambda: execution environments, the Runtime API, the Function URL and the streaming invoke; real processes."""
