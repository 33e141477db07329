"""The queries of Logs Insights: run when they are started, their results kept for those who ask."""

import threading
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

# Results of so many queries are kept, or of fewer if their text is longer than so many characters.
_KEPT = 100
_KEPT_TEXT = 32_000_000
# What a value takes in an answer beside its name and its text: {"field":"","value":""},
_PER_VALUE = 24


class Queries:
    """The latest queries and their results."""

    def __init__(self, logs: Logs) -> None:
        self._logs = logs
        self._answers: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._lengths: dict[str, int] = {}
        self._lock = threading.Lock()

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
        except (duckdb.InvalidInputException, duckdb.DataError) as error:
            # A regular expression that is none, or a number that is too large.
            raise malformed(f"The query cannot be run: {str(error).splitlines()[0]}") from None
        query_id = str(uuid.uuid4())
        answer = {
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
        self._keep(query_id, answer)
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

    def _keep(self, query_id: str, answer: dict[str, Any]) -> None:
        """Keep the answer, and no more than is kept at most of the earlier ones."""
        length = sum(len(cell["field"]) + len(cell["value"]) + _PER_VALUE for row in answer["results"] for cell in row)
        with self._lock:
            self._answers[query_id], self._lengths[query_id] = answer, length
            while len(self._answers) > 1 and (len(self._answers) > _KEPT or sum(self._lengths.values()) > _KEPT_TEXT):
                oldest, _ = self._answers.popitem(last=False)
                del self._lengths[oldest]

    def _run(self, statements: Statements, sql: str) -> list[Row]:
        return self._logs.store.query(sql, statements.parameters.used_in(sql))
