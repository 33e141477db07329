"""CloudWatch's metrics: what is put in, and every statistic of it."""
