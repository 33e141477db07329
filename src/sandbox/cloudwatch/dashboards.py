"""CloudWatch's operations ListDashboards and GetDashboard, on the dashboards of the stack.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListDashboards.html
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
    """Return the operations on the dashboards among these resources. A response has everything on one page."""
    dashboards = {
        str(resource.return_value()): resource
        for resource in resources.values()
        if resource.type == "AWS::CloudWatch::Dashboard"
    }
    return checked(
        {
            "ListDashboards": (partial(_list_dashboards, dashboards), {"DashboardNamePrefix"}),
            "GetDashboard": (partial(_get_dashboard, dashboards), {"DashboardName"}),
        }
    )


def _list_dashboards(dashboards: Mapping[str, Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    """Return names and ARNs. Sizes and the times of the latest changes are of no deployment, so they are left out."""
    listed = [
        {"DashboardName": name, "DashboardArn": _arn(name, resource)}
        for name, resource in sorted(dashboards.items())
        if name.startswith(request.get("DashboardNamePrefix", ""))
    ]
    return {"DashboardEntries": listed}


def _get_dashboard(dashboards: Mapping[str, Resource], request: Mapping[str, Any]) -> dict[str, Any]:
    name = request["DashboardName"]
    if name not in dashboards:
        raise ApiError("ResourceNotFound", f"Dashboard {name} does not exist", 404)
    resource = dashboards[name]
    try:
        body = resource.properties.required("DashboardBody")
    except TemplateError as error:
        raise not_supported(f"the dashboard {name}: {error}") from None
    return {"DashboardArn": _arn(name, resource), "DashboardBody": body, "DashboardName": name}


def _arn(name: str, resource: Resource) -> str:
    return f"arn:aws:cloudwatch::{resource.identity.account}:dashboard/{name}"
