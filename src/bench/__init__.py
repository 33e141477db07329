"""The benchmark: what measuring costs, with it and without it in turn."""
