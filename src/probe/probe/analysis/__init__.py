"""What the runs mean: distributions, objectives, comparisons, and where the slowest one's time went."""
