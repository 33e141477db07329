"""What the platform records of itself: Lambda's log lines, metrics and segments, and Bedrock's metrics."""
