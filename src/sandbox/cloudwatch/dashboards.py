"""CloudWatch's operation GetDashboard, on the dashboards of the stack.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetDashboard.html
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.cloudwatch.shapes import checked
from template.errors import TemplateError
from template.resources import Resource


def operations(resources: Mapping[str, Resource]) -> Operations:
    """Return the operations on the dashboards among these resources."""
    dashboards = {
        str(resource.return_value()): resource
        for resource in resources.values()
        if resource.type == "AWS::CloudWatch::Dashboard"
    }
    return checked({"GetDashboard": (partial(_get_dashboard, dashboards), {"DashboardName"})})


def _get_dashboard(dashboards: Mapping[str, Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["DashboardName"]
    if name not in dashboards:
        raise ApiError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    resource = dashboards[name]
    try:
        body = resource.properties.required("DashboardBody")
    except TemplateError as error:
        raise not_supported(f"the dashboard {name}: {error}") from None
    arn = f"arn:aws:cloudwatch::{resource.identity.account}:dashboard/{name}"
    return {"DashboardArn": arn, "DashboardBody": body, "DashboardName": name}
