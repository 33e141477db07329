"""The benchmarks: what measuring costs, what the layer costs beside others, and what the stack endures."""
