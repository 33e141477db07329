"""Says on standard error what the probe waits for, once a wait has taken a few seconds."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# A shorter wait needs no explanation.
PATIENCE_SECONDS = 3.0


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Print one line when the block takes longer than `PATIENCE_SECONDS`; `what` is what it waits for."""
    timer = threading.Timer(PATIENCE_SECONDS, print, [f"probe: waiting for {what}"], {"file": sys.stderr})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
