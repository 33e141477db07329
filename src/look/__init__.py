"""How pages look: what the console and the probe's report share, so that both have one style."""
