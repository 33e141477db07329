"""CloudWatch: the metrics that are put, their statistics and metric math, and the alarms on them."""
