"""Lets Python look for no garbage while a function starts: hardly anything that is made then is garbage."""

import gc

# Far more objects than a start makes. A function that sets a threshold of its own keeps it.
_WHILE_STARTING = 1_000_000
# The first threshold alone: Python 3.14 has no third one any more, whatever was set, and says 0.
_usual = gc.get_threshold()[0]


def do_not_collect() -> None:
    """Stops the search, which would take a tenth of the start of a function that imports boto3."""
    gc.set_threshold(_WHILE_STARTING)


def collect_again() -> None:
    """Goes on as before, but leaves alone what there is by now. A second call does nothing."""
    if gc.get_threshold()[0] == _WHILE_STARTING:
        # Or the first full search would go through all modules, in the middle of a response.
        gc.freeze()
        gc.set_threshold(_usual)
