"""The console: pages that show a stack's dashboard, traces, logs and alarms, and try its function."""
