"""The queries of Logs Insights: run when they are started, their results kept for those who ask."""

import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import duckdb

from sandbox.aws_api.contract import ApiError
from sandbox.logs.insights.grammar import malformed
from sandbox.logs.insights.pipeline import Statements, translate
from sandbox.logs.logs import Logs
from sandbox.store import Row

_KEPT = 100


class Queries:
    """The latest queries and their results."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()

    def start(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The operation StartQuery; the times are whole seconds, the last one included.

        https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_StartQuery.html

        Raises:
            ApiError: a group does not exist, or the query makes no sense or is not supported.
        """
        groups = list(request["logGroupNames"])
        self._logs.check_groups(groups)
        try:
            statements = translate(
                request["queryString"], groups, request["startTime"] * 1000, (request["endTime"] + 1) * 1000
            )
            rows = self._run(statements, statements.results)
            [[matched, scanned, size]] = self._run(statements, statements.statistics)
        except RecursionError:
            raise malformed("The query is nested too deeply.") from None
        except duckdb.InvalidInputException as error:
            # A regular expression that is none.
            raise malformed(f"The query cannot be run: {str(error).splitlines()[0]}") from None
        query_id = str(uuid.uuid4())
        self._answers[query_id] = {
            "queryLanguage": "CWLI",
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

        Raises:
            ApiError: ResourceNotFoundException, there is no such query.
        """
        answer = self._answers.get(request["queryId"])
        if answer is None:
            raise ApiError("ResourceNotFoundException", "The specified query does not exist.")
        return answer

    def _run(self, statements: Statements, sql: str) -> list[Row]:
        return self._logs.store.query(sql, statements.parameters.used_in(sql))
