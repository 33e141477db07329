"""CloudWatch Logs: what the function and the platform have printed, filtered and queried."""
