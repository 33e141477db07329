"""The log groups of a stack, and the queries that are saved for it."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from console.source import Source

# A stack has two; an account may have thousands that begin alike.
_MOST_GROUPS, _MOST_SAVED = 50, 200


@dataclass(frozen=True)
class SavedQuery:
    """A saved query; its name is without the stack's."""

    name: str
    text: str
    groups: tuple[str, ...]


def log_groups(source: Source) -> list[str]:
    """Return the names of the stack's log groups, in their order.

    Raises:
        ClientError, BotoCoreError: AWS refuses, or does not answer.
    """
    pages = source.logs.get_paginator("describe_log_groups").paginate(
        logGroupNamePrefix=f"/aws/lambda/{source.prefix}", PaginationConfig={"MaxItems": _MOST_GROUPS}
    )
    return [str(group["logGroupName"]) for page in pages for group in page["logGroups"]]


def saved_queries(source: Source) -> list[SavedQuery]:
    """Return the stack's saved queries in the order of their names; none if AWS refuses, for the page works without.

    Queries in another language than that of Logs Insights are left out.
    """
    prefix = "" if source.is_sandbox else f"{source.stack}/"
    request = {"queryDefinitionNamePrefix": prefix} if prefix else {}
    found: list[SavedQuery] = []
    try:
        while len(found) < _MOST_SAVED:  # boto3 has no paginator for it
            answer = source.logs.describe_query_definitions(**request)
            found += [
                SavedQuery(
                    str(one["name"]).removeprefix(f"{source.stack}/"),
                    str(one["queryString"]).strip(),
                    tuple(one.get("logGroupNames", ())),
                )
                for one in answer["queryDefinitions"]
                if one.get("queryLanguage", "CWLI") == "CWLI"
            ]
            if not answer.get("nextToken"):
                break
            request["nextToken"] = answer["nextToken"]
    except (BotoCoreError, ClientError):
        return []
    return sorted(found, key=lambda query: query.name)
