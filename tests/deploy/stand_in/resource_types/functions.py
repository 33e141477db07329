"""Lambda: functions, layers, versions, aliases, their URLs, who may call them, and how often it is tried."""

from .base import Made, Properties, ResourceType, without

_OF_THE_CODE = ("Code", "Architectures")
_WITH_CALLS_OF_THEIR_OWN = ("ReservedConcurrentExecutions", "Tags")


class Function(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        configuration = without(properties, "ReservedConcurrentExecutions")
        made = self.call("lambda", "CreateFunction", {"FunctionName": name, **configuration})
        self._reserve(made["FunctionName"], properties)
        return Made(made["FunctionName"], {"Arn": made["FunctionArn"]})

    def update(self, made: Made, properties: Properties) -> None:
        name = made.physical_id
        code = {**properties["Code"], "Architectures": properties.get("Architectures", ["x86_64"])}
        self.call("lambda", "UpdateFunctionCode", {"FunctionName": name, **code})
        configuration = without(properties, *_OF_THE_CODE, *_WITH_CALLS_OF_THEIR_OWN)
        self.call("lambda", "UpdateFunctionConfiguration", {"FunctionName": name, **configuration})
        self._reserve(name, properties)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "DeleteFunction", {}, FunctionName=made.physical_id)

    def _reserve(self, name: str, properties: Properties) -> None:
        reserved = {key: properties[key] for key in ("ReservedConcurrentExecutions",) if key in properties}
        operation = "PutFunctionConcurrency" if reserved else "DeleteFunctionConcurrency"
        self.call("lambda", operation, {"FunctionName": name, **reserved})


class LayerVersion(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        made = self.call("lambda", "PublishLayerVersion", {"LayerName": name, **properties})
        return Made(made["LayerVersionArn"])

    def delete(self, made: Made, properties: Properties) -> None:
        layer, _, number = made.physical_id.rpartition(":")
        self.call("lambda", "DeleteLayerVersion", {}, LayerName=layer, VersionNumber=int(number))


class Version(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        made = self.call("lambda", "PublishVersion", properties)
        return Made(made["FunctionArn"], {"Version": made["Version"]})

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "DeleteFunction", {}, **_qualified(made.physical_id))


class Alias(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        return Made(self.call("lambda", "CreateAlias", properties)["AliasArn"])

    def update(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "UpdateAlias", properties)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "DeleteAlias", {}, FunctionName=properties["FunctionName"], Name=properties["Name"])


class Url(ResourceType):
    def create(self, name: str, properties: Properties) -> Made:
        made = self.call("lambda", "CreateFunctionUrlConfig", self._parameters(properties))
        return Made(properties["TargetFunctionArn"], {"FunctionUrl": made["FunctionUrl"]})

    def update(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "UpdateFunctionUrlConfig", self._parameters(properties))

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "DeleteFunctionUrlConfig", {}, **_qualified(made.physical_id))

    def _parameters(self, properties: Properties) -> Properties:
        return {**_qualified(properties["TargetFunctionArn"]), **without(properties, "TargetFunctionArn")}


class Permission(ResourceType):
    replaced = True

    def create(self, name: str, properties: Properties) -> Made:
        parameters = {**properties, **_qualified(properties["FunctionName"])}
        self.call("lambda", "AddPermission", parameters, StatementId=name)
        return Made(name)

    def delete(self, made: Made, properties: Properties) -> None:
        target = _qualified(properties["FunctionName"])
        self.call("lambda", "RemovePermission", {}, StatementId=made.physical_id, **target)


class EventInvokeConfig(ResourceType):
    """What becomes of an asynchronous invocation that fails."""

    def create(self, name: str, properties: Properties) -> Made:
        self.call("lambda", "PutFunctionEventInvokeConfig", properties)
        return Made(name)

    def delete(self, made: Made, properties: Properties) -> None:
        self.call("lambda", "DeleteFunctionEventInvokeConfig", {}, FunctionName=properties["FunctionName"])


def _qualified(arn: str) -> dict[str, str]:
    """Return the function and the version or alias that arn:aws:lambda:REGION:ACCOUNT:function:NAME:QUALIFIER names."""
    function, _, qualifier = arn.rpartition(":")
    return {"FunctionName": function, "Qualifier": qualifier}
