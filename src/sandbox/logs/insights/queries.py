"""The queries of Logs Insights: run when they are started, their results kept for those who ask."""

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import duckdb

from sandbox.aws_api.contract import ApiError, not_supported
from sandbox.logs.groups import existing_groups
from sandbox.logs.insights.grammar import malformed
from sandbox.logs.insights.pipeline import MOST_RESULTS, translate
from sandbox.logs.logs import Logs
from sandbox.logs.request import invalid, limit_of

_MOST_GROUPS = 50
_KEPT = 100


class Queries:
    """The latest queries and their results."""

    def __init__(self, logs: Logs, region: str) -> None:
        self._logs = logs
        self._region = region
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation StartQuery, for the language CWLI; seconds are whole, the last one included.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html
        """
        language = request.get("queryLanguage", "CWLI")
        if language != "CWLI":
            raise not_supported(f"the query language {language}")
        if request["startTime"] > request["endTime"]:
            raise invalid("startTime must not be after endTime.")
        limit = limit_of(request, MOST_RESULTS)
        groups = existing_groups(self._logs, self._region, _identifiers(request))
        start_ms, end_ms = request["startTime"] * 1000, (request["endTime"] + 1) * 1000
        try:
            statements = translate(request["queryString"], groups, start_ms, end_ms, limit)
            rows = self._logs.store.query(statements.results, statements.parameters)
            [[matched, scanned, size]] = self._logs.store.query(statements.statistics, statements.parameters)
        except RecursionError:
            raise malformed("the query is nested too deeply") from None
        except (duckdb.BinderException, duckdb.InvalidInputException) as error:
            # A regular expression that is none, or more fields than fit into a statement.
            raise malformed(f"the query cannot be run: {str(error).splitlines()[0]}") from None
        query_id = str(uuid.uuid4())
        self._answers[query_id] = {
            "queryLanguage": language,
            "results": [
                [
                    {"field": title, "value": value}
                    for title, value in zip(statements.titles, row, strict=True)
                    if value is not None
                ]
                for row in rows
            ],
            "statistics": {
                "recordsMatched": float(matched),
                "recordsScanned": float(scanned),
                "bytesScanned": float(size),
                "logGroupsScanned": float(len(groups)),
                "resultCount": float(len(rows)),
            },
            "status": "Complete",
        }
        if len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
        return {"queryId": query_id}

    def results(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation GetQueryResults: all results at once.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_GetQueryResults.html
        """
        answer = self._answers.get(request["queryId"])
        if answer is None:
            raise ApiError("ResourceNotFoundException", "The specified query does not exist.")
        return answer

    def stop(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation StopQuery: as no query is still running, always an error.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StopQuery.html
        """
        raise invalid(f"The query has ended with the status {self.results(request)['status']}.")


def _identifiers(request: Mapping[str, Any]) -> list[str]:
    given = [
        [request[member]] if member == "logGroupName" else request[member]
        for member in ("logGroupName", "logGroupNames", "logGroupIdentifiers")
        if member in request
    ]
    if len(given) != 1 or not 1 <= len(given[0]) <= _MOST_GROUPS:
        raise invalid(
            "Exactly one of logGroupName, logGroupNames and logGroupIdentifiers is required, "
            f"with 1 to {_MOST_GROUPS} log groups."
        )
    return list(given[0])
