"""The log line in which the function records a response: the same figures as its metrics, src/function/README.md."""

import json
from typing import Any

from botocore.exceptions import ClientError

from console.source import Source


def find_record(source: Source, request_id: str, since_ms: int) -> tuple[str, dict[str, Any]] | None:
    """Return the log group and the fields of the line "response finished" of a request; None if there is none yet.

    Args:
        source: whose logs.
        request_id: the request's, without any character that means something in a filter pattern.
        since_ms: when the request was sent, in milliseconds since 1970.

    Raises:
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError: the logs cannot be asked.
    """
    pattern = f'{{ $.message = "response finished" && $.request_id = "{request_id}" }}'
    for group in source.logs.describe_log_groups()["logGroups"]:
        name = group["logGroupName"]
        try:
            found = source.logs.filter_log_events(logGroupName=name, filterPattern=pattern, startTime=since_ms)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                continue  # it is gone meanwhile
            raise
        for event in found["events"]:
            said = json.loads(event["message"])
            return name, said
    return None
