"""The operations on alarms: requests and results in botocore's shapes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarms.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from sandbox.aws_api.contract import ApiError, Operations, not_supported
from sandbox.cloudwatch.alarms.alarms import Alarms, Change, State
from sandbox.cloudwatch.alarms.definitions import Alarm, CompositeAlarm
from sandbox.cloudwatch.shapes import checked
from sandbox.cloudwatch.times import newest_first

_TYPES = ("MetricAlarm", "CompositeAlarm")


def operations(alarms: Alarms) -> Operations:
    """Return the operations on these alarms. A response has everything on one page."""
    return checked(
        {
            "DescribeAlarms": (partial(_describe_alarms, alarms), {"AlarmNames", "AlarmNamePrefix", "AlarmTypes"}),
            "DescribeAlarmHistory": (
                partial(_describe_alarm_history, alarms),
                {"AlarmName", "AlarmTypes", "HistoryItemType", "StartDate", "EndDate", "ScanBy"},
            ),
        }
    )


def _describe_alarms(alarms: Alarms, request: Mapping[str, Any]) -> dict[str, Any]:
    if "AlarmNames" in request and "AlarmNamePrefix" in request:
        raise ApiError("ValidationError", "AlarmNames and AlarmNamePrefix exclude each other.")
    types = _types(request)
    found = sorted(
        (
            (alarm, state)
            for alarm, state in alarms.all()
            if _type(alarm) in types
            and alarm.name in request.get("AlarmNames", [alarm.name])
            and alarm.name.startswith(request.get("AlarmNamePrefix", ""))
        ),
        key=lambda pair: pair[0].name,
    )
    described: dict[str, list[dict[str, Any]]] = {f"{kind}s": [] for kind in _TYPES}
    for alarm, state in found:
        described[f"{_type(alarm)}s"].append(
            {
                **alarm.described,
                "AlarmConfigurationUpdatedTimestamp": alarms.created,
                "StateValue": state.value,
                "StateReason": state.reason,
                **({"StateReasonData": state.reason_data} if state.reason_data else {}),
                "StateUpdatedTimestamp": state.since,
                "StateTransitionedTimestamp": state.since,
            }
        )
    return described


def _describe_alarm_history(alarms: Alarms, request: Mapping[str, Any]) -> dict[str, Any]:
    if (kind := request.get("HistoryItemType", "StateUpdate")) != "StateUpdate":
        raise not_supported(f"the HistoryItemType {kind}: only StateUpdate is recorded")
    types = _types(request)
    start = request.get("StartDate", datetime.min.replace(tzinfo=UTC))
    end = request.get("EndDate", datetime.max.replace(tzinfo=UTC))
    found = [
        change
        for change in alarms.changes()
        if _type(change.alarm) in types
        and change.alarm.name == request.get("AlarmName", change.alarm.name)
        and start <= change.new.since <= end
    ]
    if newest_first(request):
        found.reverse()
    return {"AlarmHistoryItems": [_history_item(change) for change in found]}


def _history_item(change: Change) -> dict[str, Any]:
    return {
        "AlarmName": change.alarm.name,
        "AlarmType": _type(change.alarm),
        "Timestamp": change.new.since,
        "HistoryItemType": "StateUpdate",
        "HistorySummary": f"Alarm updated from {change.old.value} to {change.new.value}",
        "HistoryData": json.dumps(
            {"version": "1.0", "oldState": _historical(change.old), "newState": _historical(change.new)}
        ),
    }


def _historical(state: State) -> dict[str, Any]:
    data = {"stateReasonData": json.loads(state.reason_data)} if state.reason_data else {}
    return {"stateValue": state.value, "stateReason": state.reason, **data}


def _types(request: Mapping[str, Any]) -> list[str]:
    """Return the types that a request asks for; a request that names none gets no composite alarms."""
    types: list[str] = request.get("AlarmTypes") or ["MetricAlarm"]
    for name in types:
        if name not in _TYPES:
            raise not_supported(f"the alarm type {name}")
    return types


def _type(alarm: Alarm) -> str:
    return "CompositeAlarm" if isinstance(alarm, CompositeAlarm) else "MetricAlarm"
