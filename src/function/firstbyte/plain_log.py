"""Writes log lines without Powertools: before that is imported, and when it fails."""

import json
import os
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

_FRAMES = 6


def log_line(level: str, message: str, **fields: Any) -> None:
    """Write one line of JSON, with the keys that Powertools gives its own.

    Args:
        level: such as `WARNING`.
        message: what has happened.
        fields: more keys; their values must be JSON.
    """
    service = os.environ.get("POWERTOOLS_SERVICE_NAME", "")
    sys.stdout.write(json.dumps({"level": level, "message": message, "service": service, **fields}) + "\n")
    sys.stdout.flush()


@contextmanager
def only_this_is_lost(part: str, ids: Mapping[str, str]) -> Iterator[None]:
    """Keep an error of one part of the telemetry away from the others, and log it.

    Args:
        part: what is lost.
        ids: the ids of request and trace.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the client has its answer and the others go on
        # The message is left out: it may quote what was to be recorded.
        kind, place = type(error).__name__, place_of(error)
        log_line("ERROR", "a part of the telemetry is lost", part=part, error=kind, place=place, **ids)


def place_of(error: BaseException) -> str:
    """Return where an error was raised, and from where that was called: files and lines, the place itself first."""
    frames = reversed(traceback.extract_tb(error.__traceback__)[-_FRAMES:])
    return " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in frames)
