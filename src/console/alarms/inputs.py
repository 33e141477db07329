"""Whether an alarm judged data, or a stand-in that its expression gives while there are none."""

from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from console.alarms.alarm import Alarm, datapoints

# CloudWatch keeps minutes for 15 days: of what is older, nobody can tell.
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention
_KEPT = timedelta(days=15)
_MINUTE = 60


class Inputs:
    """The metrics that alarms compute their values from.

    Args:
        cloudwatch: boto3's client.
    """

    def __init__(self, cloudwatch: Any) -> None:
        self._cloudwatch = cloudwatch
        # What was judged at a change stays as it was.
        self._known: dict[tuple[str, datetime], bool] = {}

    def were_empty(self, alarm: Alarm) -> bool:
        """Tell whether what an alarm judged when it changed had no data. False, too, if AWS does not say."""
        points = datapoints(alarm.evidence)
        if not points or any(point.value != alarm.stand_in for point in points):
            return False
        known = (alarm.name, alarm.judged_at)
        if known not in self._known:
            end = points[0].time + timedelta(seconds=alarm.period)
            try:
                self._known[known] = self.are_empty(alarm, points[-1].time, end)
            except (BotoCoreError, ClientError):
                return False
        return self._known[known]

    def are_empty(self, alarm: Alarm, start: datetime, end: datetime) -> bool:
        """Tell whether none of an alarm's metrics had data in a time; False for a time that nobody can tell of.

        Raises:
            ClientError, BotoCoreError: AWS refuses, or cannot be reached.
        """
        if datetime.now(UTC) - start > _KEPT:
            return False
        queries = [
            {"Id": query["Id"], "MetricStat": {**query["MetricStat"], "Period": _MINUTE, "Stat": "SampleCount"}}
            for query in alarm.queries
            if "MetricStat" in query
        ]
        pages = self._cloudwatch.get_paginator("get_metric_data").paginate(
            StartTime=start.replace(second=0, microsecond=0), EndTime=end, MetricDataQueries=queries
        )
        return not any(result["Values"] for page in pages for result in page["MetricDataResults"])
