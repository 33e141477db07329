"""What AWS answers to a console whose stack has an empty dashboard, a log group `/g`, and one alarm, named `a`."""

from datetime import UTC, datetime

from aws_endpoint import Endpoint

ALARM = {
    "AlarmName": "a",
    "StateValue": "OK",
    "StateReason": "all is well",
    "ActionsEnabled": True,
    "AlarmActions": [],
    "StateUpdatedTimestamp": datetime.now(UTC),
    "EvaluationPeriods": 1,
    "Threshold": 1.0,
    "ComparisonOperator": "GreaterThanThreshold",
    "Namespace": "N",
    "MetricName": "M",
    "Dimensions": [],
    "Period": 60,
    "Statistic": "Sum",
}
ANSWERS: dict[str, dict[str, object]] = {
    "ListDashboards": {"DashboardEntries": [{"DashboardName": "d"}]},
    "GetDashboard": {"DashboardBody": '{"widgets": []}', "DashboardName": "d"},
    "DescribeAlarms": {"MetricAlarms": [ALARM], "CompositeAlarms": []},
    "DescribeAlarmHistory": {"AlarmHistoryItems": []},
    "GetMetricData": {"MetricDataResults": []},
    "GetTraceSummaries": {"TraceSummaries": []},
    "DescribeLogGroups": {"logGroups": [{"logGroupName": "/g"}]},
    "DescribeQueryDefinitions": {"queryDefinitions": []},
    "FilterLogEvents": {"events": []},
}


def offer_answers(endpoint: Endpoint) -> None:
    """Give these answers from now on."""

    def give(name: str, answer: dict[str, object]) -> None:
        endpoint.offer(name, lambda: answer)

    for name, answer in ANSWERS.items():
        give(name, answer)
