"""X-Ray: trace documents as they come in, and the traces that they make."""
