"""CloudWatch, Logs, X-Ray and Application Signals: what watches the stack."""

from .base import Made, Properties, ResourceType, without


class Alarm(ResourceType):
    operation = "PutMetricAlarm"

    def create(self, name: str, properties: Properties) -> Made:
        named = {"AlarmName": name, **properties}
        self.call("cloudwatch", self.operation, named)
        found = self.call("cloudwatch", "DescribeAlarms", {}, AlarmNames=[named["AlarmName"]])
        (alarm,) = found["MetricAlarms"] + found["CompositeAlarms"]
        return Made(alarm["AlarmName"], {"Arn": alarm["AlarmArn"]})

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("cloudwatch", "DeleteAlarms", {}, AlarmNames=[made.physical_id])


class CompositeAlarm(Alarm):
    operation = "PutCompositeAlarm"


class Dashboard(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        named = {"DashboardName": name, **properties}
        self.call("cloudwatch", "PutDashboard", named)
        return Made(named["DashboardName"])

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("cloudwatch", "DeleteDashboards", {}, DashboardNames=[made.physical_id])


class LogGroup(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        named = {"LogGroupName": name, **properties}
        self.call("logs", "CreateLogGroup", without(named, "RetentionInDays"))
        made = Made(named["LogGroupName"])
        self.update(made, properties)
        groups = self.call("logs", "DescribeLogGroups", {}, logGroupNamePrefix=made.physical_id)["logGroups"]
        (arn,) = [group["arn"] for group in groups if group["logGroupName"] == made.physical_id]
        return Made(made.physical_id, {"Arn": arn})

    def update(self, made: Made, properties: Properties) -> None:
        retention = {key: value for key, value in properties.items() if key == "RetentionInDays"}
        operation = "PutRetentionPolicy" if retention else "DeleteRetentionPolicy"
        self.call("logs", operation, {"LogGroupName": made.physical_id, **retention})

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("logs", "DeleteLogGroup", {}, logGroupName=made.physical_id)


class QueryDefinition(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        return Made(self.call("logs", "PutQueryDefinition", properties)["queryDefinitionId"])

    def update(self, made: Made, properties: Properties) -> None:
        self.call("logs", "PutQueryDefinition", properties, queryDefinitionId=made.physical_id)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("logs", "DeleteQueryDefinition", {}, queryDefinitionId=made.physical_id)


class Group(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        return Made(self.call("xray", "CreateGroup", properties)["Group"]["GroupARN"])

    def update(self, made: Made, properties: Properties) -> None:
        self.call("xray", "UpdateGroup", properties)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("xray", "DeleteGroup", {}, GroupARN=made.physical_id)


class ServiceLevelObjective(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        answer = self.call("application-signals", "CreateServiceLevelObjective", _indicator(properties))
        return Made(answer["Slo"]["Arn"])

    def update(self, made: Made, properties: Properties) -> None:
        changed = without(_indicator(properties), "Name")
        self.call("application-signals", "UpdateServiceLevelObjective", changed, Id=made.physical_id)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("application-signals", "DeleteServiceLevelObjective", {}, Id=made.physical_id)


def _indicator(properties: Properties) -> Properties:
    """Return the properties as the service's calls have them: there, what is asked for is called a configuration."""
    asked = dict(properties)
    indicator = dict(asked.pop("RequestBasedSli"))
    indicator["RequestBasedSliMetricConfig"] = indicator.pop("RequestBasedSliMetric")
    return {**asked, "RequestBasedSliConfig": indicator}
