"""A live tail: reads a log group again and again, and gives each event once."""

from collections.abc import Iterator, Mapping
from typing import Any

# Events come in late, and not in the order of their times: each request asks once more for the latest ones.
_OVERLAP_MS = 15_000
# While nothing comes, the start moves on, too, so that a request does not search through hours.
_IDLE_MS = 300_000
# A burst of more goes on with the next request.
_PAGE_EVENTS, _MOST_PAGES = 1_000, 10


class Tail:
    """Reads a log group again and again.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """

    def __init__(self, logs: Any, group: str, pattern: str, start_ms: int) -> None:
        """Prepare it; nothing is read yet.

        Args:
            logs: boto3's client.
            group: the log group's name.
            pattern: a filter pattern; an empty one takes every event.
            start_ms: the first event's time, in milliseconds since 1970 (UTC).
        """
        self._logs = logs
        self._request = {
            "logGroupName": group,
            "limit": _PAGE_EVENTS,
            **({"filterPattern": pattern} if pattern else {}),
        }
        self._start_ms = start_ms
        self._newest_ms = start_ms
        # The time of each event that has been given and may come again, by its id.
        self._given: dict[str, int] = {}
        self._token: dict[str, str] = {}

    def new_events(self, now_ms: int) -> list[Mapping[str, Any]]:
        """Return the events that have not been given yet, in the order of their times. It blocks: call it on a thread.

        Args:
            now_ms: the time now, in milliseconds since 1970 (UTC).

        Raises:
            ClientError, BotoCoreError: AWS refuses, or does not answer. The next call loses nothing.
        """
        token, given, newest_ms = self._token, dict(self._given), self._newest_ms
        try:
            found = [event for page in self._pages() for event in page if self._is_new(event)]
        except Exception:
            # What has come is not given to the caller, so it has to come again.
            self._token, self._given, self._newest_ms = token, given, newest_ms
            raise
        if not self._token:
            start_ms = max(self._newest_ms - _OVERLAP_MS, now_ms - _IDLE_MS)
            self._start_ms = max(self._start_ms, start_ms)
            self._given = {one: time_ms for one, time_ms in self._given.items() if time_ms >= self._start_ms}
        return sorted(found, key=lambda event: int(event["timestamp"]))

    def _pages(self) -> Iterator[list[Mapping[str, Any]]]:
        for _ in range(_MOST_PAGES):
            answer = self._logs.filter_log_events(**self._request, **self._token, startTime=self._start_ms)
            self._token = {"nextToken": answer["nextToken"]} if answer.get("nextToken") else {}
            yield answer["events"]
            if not self._token:
                return

    def _is_new(self, event: Mapping[str, Any]) -> bool:
        if event["eventId"] in self._given:
            return False
        self._given[event["eventId"]] = event["timestamp"]
        self._newest_ms = max(self._newest_ms, event["timestamp"])
        return True
