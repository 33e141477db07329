"""CloudWatch Logs Insights: its query language, as SQL on the table of log events, and the queries of its API."""
