"""What the function and the platform have printed: the tables of log groups and log events, and the way into them."""

import threading
import time
from collections.abc import Iterable

from sandbox.aws_api.contract import ApiError
from sandbox.logs.sql import MACROS
from sandbox.store import Limit, Store

_GROUPS = {"log_group": "VARCHAR", "created_ms": "BIGINT"}
_EVENTS = {
    "ingested_ns": "BIGINT",
    "log_group": "VARCHAR",
    "log_stream": "VARCHAR",
    "time_ms": "BIGINT",
    "message": "VARCHAR",
}
# A response of the function has some 4,000 bytes of events, so these are of about 16,000 responses.
_LIMIT = Limit("time_ms / 1000", 64_000_000, text="message")
EVENT_ID = "lpad(ingested_ns::VARCHAR, 56, '0')"
"""SQL that gives an event's id."""


class Logs:
    """The log events of all groups."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._groups = store.table("log_groups", _GROUPS)
        self._events = store.table("log_events", _EVENTS, _LIMIT)
        for macro in MACROS:
            store.query(f"CREATE OR REPLACE TEMP MACRO {macro}")
        self._last_ns = 0
        self._lock = threading.Lock()

    def create_group(self, group: str) -> None:
        """Let a group exist before its first event, as one does that the template declares; again does nothing more."""
        self._groups.add((group, time.time_ns() // 1_000_000))

    def groups(self) -> list[tuple[str, int]]:
        """Return the names of all groups, in their order, and when each began, in milliseconds since 1970 (UTC)."""
        return self.store.query("""
            SELECT log_group, min(began_ms) FROM (
                SELECT log_group, created_ms AS began_ms FROM log_groups
                UNION ALL SELECT log_group, ingested_ns // 1000000 FROM log_events
            ) GROUP BY log_group ORDER BY log_group
        """)

    def check_groups(self, names: Iterable[str]) -> None:
        """Check that there are groups of these names.

        Raises:
            ApiError: ResourceNotFoundException, one of them does not exist.
        """
        if missing := set(names) - {group for group, _ in self.groups()}:
            raise ApiError("ResourceNotFoundException", f"The log group {min(missing)} does not exist.")

    def put(self, group: str, stream: str, time_ms: int, message: str) -> None:
        """Add one event; its group and stream exist from then on. Takes no time worth naming; callable on any thread.

        Args:
            group: the log group's name.
            stream: the log stream's name.
            time_ms: when it was printed, in milliseconds since 1970 (UTC).
            message: the line, without its line feed.
        """
        with self._lock:
            # The time of ingestion also names an event and orders those of one millisecond: no two events share it.
            self._last_ns = max(self._last_ns + 1, time.time_ns())
            self._events.add((self._last_ns, group, stream, time_ms, message))
