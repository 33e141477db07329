"""A query of Logs Insights: started, and asked for its results until they are there or nobody waits any more."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from nicegui import run

from console.time_range import TimeRange

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
_RUNNING = {"Scheduled", "Running", "Unknown"}
# The pauses between two looks, in seconds; the last one repeats.
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.5)

Answer = Mapping[str, Any]


async def query_results(
    logs: Any,
    groups: Sequence[str],
    text: str,
    shown: TimeRange,
    is_wanted: Callable[[], bool],
    progress: Callable[[Answer], None],
) -> Answer | None:
    """Return what GetQueryResults says in the end, or None if it is not wanted any more.

    Args:
        logs: boto3's client.
        groups: the log groups' names.
        text: the query.
        shown: the time that it is about.
        is_wanted: asked before each look.
        progress: told what each look found meanwhile.

    Raises:
        ClientError, BotoCoreError: AWS refuses the query, or does not answer.
    """
    started = await run.io_bound(
        logs.start_query,
        logGroupNames=list(groups),
        queryString=text,
        startTime=int(shown.start.timestamp()),
        endTime=int(shown.end.timestamp()),
    )
    looks = 0
    while is_wanted():
        answer: Answer = await run.io_bound(logs.get_query_results, queryId=started["queryId"])
        if answer["status"] not in _RUNNING:
            return answer
        progress(answer)
        await asyncio.sleep(_PAUSES[min(looks, len(_PAUSES) - 1)])
        looks += 1
    return None
