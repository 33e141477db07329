"""What the console's libraries log, as lines of the console: one for each event, without the token."""

import logging
import re
import sys
from traceback import extract_tb


class OneLine(logging.Formatter):
    """A record as one line; of an exception, what it was and where it was raised.

    Args:
        token: what no line shows.
    """

    def __init__(self, token: str) -> None:
        super().__init__()
        self._token = token

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        # asyncio and uvicorn put a whole traceback into some messages, socketio what it will log later.
        message, *_ = re.split(r"Traceback \(most recent| \(further occurrences", record.getMessage())
        message = message.strip()
        if record.exc_info and (error := record.exc_info[1]):
            said = "" if message == str(error) else f"{message}: "
            message = f"{said}{type(error).__name__}: {error}"
            if frames := extract_tb(error.__traceback__):
                message += f" ({frames[-1].filename}:{frames[-1].lineno})"
        return f"console: {' '.join(message.split()).replace(self._token, 'TOKEN')}"


def log_in_lines(token: str) -> None:
    """Print warnings and errors of every library as lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(token))
    handler.addFilter(_is_new)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # socketio and engineio have handlers of their own.
    for logger in logging.root.manager.loggerDict.values():
        if isinstance(logger, logging.Logger):
            logger.handlers.clear()


def _is_new(record: logging.LogRecord) -> bool:
    """Tell whether nobody has logged the record's exception yet: NiceGUI logs that of a page twice."""
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return True
    is_new = not error.__dict__.get("is_logged")
    error.__dict__["is_logged"] = True
    return is_new
