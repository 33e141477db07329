"""Lets Python look for no garbage while a function starts: hardly anything that is made then is garbage."""

import gc

# Far more objects than a start makes. A function that sets thresholds of its own keeps them.
_WHILE_STARTING = (1_000_000, 50, 50)
_usual = gc.get_threshold()


def do_not_collect() -> None:
    """Stops the search, which would take a tenth of the start of a function that imports boto3."""
    gc.set_threshold(*_WHILE_STARTING)


def collect_again() -> None:
    """Goes on as before, but leaves alone what there is by now. A second call does nothing."""
    if gc.get_threshold() == _WHILE_STARTING:
        # Or the first full search would go through all modules, in the middle of a response.
        gc.freeze()
        gc.set_threshold(*_usual)
