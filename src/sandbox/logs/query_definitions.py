"""The operation DescribeQueryDefinitions, on the saved queries of the stack.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_DescribeQueryDefinitions.html
"""

import re
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported, refuse_others
from template.errors import TemplateError
from template.resources import Resource

_MOST = 1000


def operations(resources: Mapping[str, Resource]) -> Operations:
    """Return the operation on the saved queries among these resources."""
    queries = {name: one for name, one in resources.items() if one.type == "AWS::Logs::QueryDefinition"}
    return {"DescribeQueryDefinitions": partial(_describe_query_definitions, queries)}


def _describe_query_definitions(queries: Mapping[str, Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of the saved queries, in the order of their names; a token is the number of those before it."""
    understood = {"queryDefinitionNamePrefix", "maxResults", "nextToken"}
    refuse_others("DescribeQueryDefinitions", request, understood)
    token = request.get("nextToken", "0")
    if not re.fullmatch("[0-9]{1,9}", token):
        raise ApiError("InvalidParameterException", "The specified nextToken is invalid.")
    prefix, first = request.get("queryDefinitionNamePrefix", ""), int(token)
    found = [_definition(logical_id, resource) for logical_id, resource in queries.items()]
    found = sorted((one for one in found if one["name"].startswith(prefix)), key=lambda one: str(one["name"]))
    end = first + min(request.get("maxResults", _MOST), _MOST)
    return {"queryDefinitions": found[first:end], **({"nextToken": str(end)} if end < len(found) else {})}


def _definition(logical_id: str, resource: Resource) -> dict[str, Any]:
    properties = resource.properties
    try:
        return {
            "queryLanguage": str(properties.get("QueryLanguage", "CWLI")),
            # CloudFormation's own differs with each deployment.
            "queryDefinitionId": str(uuid.uuid5(uuid.NAMESPACE_OID, logical_id)),
            "name": str(properties.required("Name")),
            "queryString": str(properties.required("QueryString")),
            "logGroupNames": [str(name) for name in properties.get("LogGroupNames", ())],
        }
    except TemplateError as error:
        raise not_supported(f"the saved query {logical_id}: {error}") from None
