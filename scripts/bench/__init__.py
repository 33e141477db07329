"""The benchmark: the stack in the sandbox against the same stack without its telemetry, request by request."""
