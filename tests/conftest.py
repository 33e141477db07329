"""Settings for every test: no time limit for a single hypothesis example, since machines are shared and noisy."""

from hypothesis import settings

settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
