"""CodeDeploy: what would shift the traffic of an alias."""

from .base import Made, Properties, ResourceType, without


class Application(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        named = {"ApplicationName": name, **properties}
        self.call("codedeploy", "CreateApplication", named)
        return Made(named["ApplicationName"])

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("codedeploy", "DeleteApplication", {}, applicationName=made.physical_id)


class DeploymentGroup(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        named = {"DeploymentGroupName": name, **properties}
        self.call("codedeploy", "CreateDeploymentGroup", named)
        return Made(named["DeploymentGroupName"])

    def update(self, made: Made, properties: Properties) -> None:
        changed = without(properties, "DeploymentGroupName")
        self.call("codedeploy", "UpdateDeploymentGroup", changed, currentDeploymentGroupName=made.physical_id)

    def delete(self, made: Made, properties: Properties) -> None:
        application = properties["ApplicationName"]
        self.call(
            "codedeploy", "DeleteDeploymentGroup", {}, applicationName=application, deploymentGroupName=made.physical_id
        )
