"""How log events are cut out of the bytes that a function's processes write: printed lines, and framed messages."""

import struct
from collections.abc import Callable

# What is longer is passed on in pieces, because CloudWatch Logs takes no larger event:
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_InputLogEvent.html
EVENT_BYTES = 1024 * 1024

# The type, the length of the message in bytes, and the time. The lowest byte of the type is format and level. Its
# second bit says that there is a time. From awslambdaric's FramedTelemetryLogSink.
_HEADER = struct.Struct(">IIQ")
_MAGIC = b"\xa5\x5a\x00"
_HAS_TIME = 2

OnEvent = Callable[[str], object]


class Lines:
    """Cuts at line ends, as Lambda does with what is printed.

    Args:
        on_event: gets each event, without its line end.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._rest = bytearray()

    def feed(self, data: bytes) -> None:
        """Pass on the lines that these bytes complete."""
        start, searched = 0, len(self._rest)
        self._rest += data
        while (end := self._rest.find(b"\n", max(start, searched))) >= 0:
            for at in range(start, max(end, start + 1), EVENT_BYTES):
                self._tell(self._rest[at : min(at + EVENT_BYTES, end)])
            start = end + 1
        del self._rest[:start]
        while len(self._rest) >= EVENT_BYTES:
            self._tell(self._rest[:EVENT_BYTES])
            del self._rest[:EVENT_BYTES]

    def flush(self) -> None:
        """Pass on a line that has no end yet."""
        if self._rest:
            self._tell(self._rest)
            self._rest.clear()

    def _tell(self, line: bytearray) -> None:
        self._on_event(line.decode(errors="replace"))


class Frames:
    """Unpacks frames. Each message is one event, with the line ends in it.

    What is no frame is passed on line by line, with everything after it: nothing tells where a frame would begin.

    Args:
        on_event: gets each event, without a line end at its end.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._rest = bytearray()
        self._to_come = 0  # bytes of the message that has begun
        self._unframed: Lines | None = None

    def feed(self, data: bytes) -> None:
        """Pass on the messages that these bytes complete."""
        if self._unframed:
            self._unframed.feed(data)
            return
        self._rest += data
        while self._to_come or self._header():
            piece = min(self._to_come, EVENT_BYTES)
            if len(self._rest) < piece:
                return
            self._tell(piece)

    def flush(self) -> None:
        """Pass on what has come of an unfinished message."""
        if self._unframed:
            self._unframed.flush()
        elif self._to_come and self._rest:
            self._tell(len(self._rest))

    def _header(self) -> bool:
        """Read the next header; return whether there was one."""
        if not self._rest:
            return False
        is_frame = _MAGIC.startswith(self._rest[: len(_MAGIC)])
        if is_frame and len(self._rest) < _HEADER.size:
            return False
        kind, self._to_come, _ = _HEADER.unpack_from(self._rest) if is_frame else (0, 0, 0)
        if not kind & _HAS_TIME:
            self._to_come = 0
            self._unframed = Lines(self._on_event)
            self._unframed.feed(bytes(self._rest))
            self._rest.clear()
            return False
        del self._rest[: _HEADER.size]
        return True

    def _tell(self, size: int) -> None:
        message = self._rest[:size]
        del self._rest[:size]
        self._to_come -= size
        if text := message.decode(errors="replace").removesuffix("" if self._to_come else "\n"):
            self._on_event(text)
