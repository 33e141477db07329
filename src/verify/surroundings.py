"""The checks of what stands around the function: the dashboard, and the alarms that it shows."""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from verify.access import reason
from verify.deployed import Deployed
from verify.findings import FAILED, Finding, judged

DASHBOARD = "the dashboard"
ALARMS = "the alarms"

_LEAST_METRICS = 10


def dashboard_and_alarms(deployed: Deployed) -> list[Finding]:
    """Return both checks; the dashboard's body says which alarms there are."""
    body, finding = _dashboard(deployed)
    return [finding, _alarms(deployed, {arn.rpartition(":alarm:")[2] for arn in _alarm_arns(body)})]


def _dashboard(deployed: Deployed) -> tuple[dict[str, Any], Finding]:
    expected = f"it exists, and shows metrics of the service {deployed.name}, of the function and its log"
    try:
        text = deployed.access.client("cloudwatch").get_dashboard(DashboardName=deployed.dashboard)["DashboardBody"]
        body = json.loads(text)
    except (ClientError, BotoCoreError) as error:
        return {}, Finding(DASHBOARD, expected, FAILED, reason(error))
    metrics = [
        metric
        for widget in body.get("widgets", ())
        for metric in widget["properties"].get("metrics", ())
        if metric[0] == "Firstbyte" and _dimension(metric, "service") == deployed.name
    ]
    problems = [f"only {len(metrics)} metrics are of the service {deployed.name}"] * (len(metrics) < _LEAST_METRICS)
    problems += [
        f"{name} {deployed.outputs[name]} is not on it"
        for name in ("FunctionName", "LogGroup")
        if deployed.outputs[name] not in text
    ]
    seen = f"{deployed.dashboard}: {len(body.get('widgets', ()))} widgets, {len(metrics)} metrics of the service"
    return body, judged(DASHBOARD, expected, problems, seen)


def _dimension(metric: list[Any], name: str) -> Any:
    """The value of a metric's dimension; names and values stand one after the other."""
    places = [place for place, word in enumerate(metric[2:-1], 2) if word == name]
    return metric[places[0] + 1] if places else None


def _alarm_arns(body: dict[str, Any]) -> Iterator[str]:
    for widget in body.get("widgets", ()):
        yield from widget["properties"].get("alarms", ())


def _alarms(deployed: Deployed, named: set[str]) -> Finding:
    expected = "those that the dashboard shows, a composite one among them, each with a state"
    found: dict[str, str] = {}
    composite: list[str] = []
    try:
        pages = (
            deployed.access.client("cloudwatch")
            .get_paginator("describe_alarms")
            .paginate(AlarmNamePrefix=f"{deployed.name}-", AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        )
        for page in pages:
            composite += [alarm["AlarmName"] for alarm in page["CompositeAlarms"]]
            for alarm in (*page["MetricAlarms"], *page["CompositeAlarms"]):
                found[alarm["AlarmName"]] = alarm["StateValue"]
    except (ClientError, BotoCoreError) as error:
        return Finding(ALARMS, expected, FAILED, reason(error))
    if not named:
        return Finding(ALARMS, expected, FAILED, "the dashboard shows no alarm")
    problems = [f"{name} does not exist" for name in sorted(named - found.keys())]
    if not named & set(composite):
        problems.append("none is composite")
    states = Counter(found[name] for name in named & found.keys())
    seen = ", ".join(f"{count} {state}" for state, count in sorted(states.items()))
    return judged(ALARMS, expected, problems, f"{len(named)} alarms: {seen}")
