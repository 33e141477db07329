"""CloudFormation's API as the SAM CLI uses it: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/.

Everything that is asked for has been done when the answer is sent. What fails is left as it is: nothing is rolled back.
"""

import json
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urlsplit

from botocore.exceptions import BotoCoreError, ClientError
from moto.core.responses import ActionResult, EmptyResult

from template.errors import ParameterError, TemplateError
from template.parameters import parameter_values
from template.rules import check_rules

from .aws import Aws
from .lacking import Refused, Service, only
from .partial import PartialResolver
from .resource_types import ResourceType, resource_types
from .stack import Pass, Stack, names
from .transforms import parsed, processed


class CloudFormation(Service):
    """The operations, each a method; `endpoint` is where the services are that make the resources."""

    name = "cloudformation"
    endpoint: ClassVar[str]
    stacks: ClassVar[dict[str, Stack]] = {}
    change_sets: ClassVar[dict[str, dict[str, Any]]] = {}

    @property
    def _aws(self) -> Aws:
        return Aws(self.endpoint, self.region)

    @property
    def _types(self) -> Mapping[str, ResourceType]:
        return resource_types(self._aws)

    def create_change_set(self) -> ActionResult:
        given = self.given()
        name = given["StackName"]
        stack = Stack(name, self.region) if given["ChangeSetType"] == "CREATE" else self._stack(name)
        text = given.get("TemplateBody") or self._object(*_bucket_and_key(given["TemplateURL"]))
        plan = self._plan(stack, text, given.get("Parameters", []))
        if name not in self.stacks:
            self.stacks[name] = stack
            stack.record("REVIEW_IN_PROGRESS")
        identifier = f"arn:aws:cloudformation:{self.region}::changeSet/{given['ChangeSetName']}/{uuid.uuid4()}"
        change_set = {
            "ChangeSetId": identifier,
            "ChangeSetName": given["ChangeSetName"],
            "StackId": stack.id,
            "StackName": name,
            "CreationTime": datetime.now(UTC),
            "Tags": given.get("Tags", []),
            "Text": text,
            **plan,
        }
        self.change_sets[identifier] = self.change_sets[given["ChangeSetName"]] = change_set
        return ActionResult({"Id": identifier, "StackId": stack.id})

    def describe_change_set(self) -> ActionResult:
        return ActionResult(self._change_set())

    def execute_change_set(self) -> ActionResult:
        change_set = self._change_set()
        stack = self._stack(change_set["StackName"])
        doing = "UPDATE" if stack.template else "CREATE"
        stack.record(f"{doing}_IN_PROGRESS")
        stack.template = change_set["Text"]
        stack.processed, stack.parameters = change_set["Processed"], change_set["Values"]
        stack.tags = change_set["Tags"]
        try:
            Pass(stack, stack.processed, stack.parameters, self._types, rehearsal=False).run()
        except (TemplateError, BotoCoreError, ClientError) as problem:
            self._finish(stack, f"{doing}_FAILED", str(problem))
        else:
            self._finish(stack, f"{doing}_COMPLETE")
        return EmptyResult()

    def describe_stacks(self) -> ActionResult:
        stack = self._stack(self.given()["StackName"])
        return ActionResult(
            {
                "Stacks": [
                    {
                        "StackId": stack.id,
                        "StackName": stack.name,
                        "CreationTime": stack.made_at,
                        "StackStatus": stack.status,
                        "Parameters": [
                            {"ParameterKey": key, "ParameterValue": value} for key, value in stack.parameters.items()
                        ],
                        "Outputs": stack.outputs,
                        "EnableTerminationProtection": False,
                        "Tags": stack.tags,
                    }
                ]
            }
        )

    def describe_stack_events(self) -> ActionResult:
        return ActionResult({"StackEvents": self._stack(self.given()["StackName"]).events})

    def list_stack_resources(self) -> ActionResult:
        stack = self._stack(self.given()["StackName"])
        return ActionResult(
            {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": name,
                        "PhysicalResourceId": resource.made.physical_id,
                        "ResourceType": resource.type,
                        "ResourceStatus": "CREATE_COMPLETE",
                        "LastUpdatedTimestamp": stack.made_at,
                    }
                    for name, resource in stack.resources.items()
                ]
            }
        )

    def get_template(self) -> ActionResult:
        given = self.given()
        stack = self._stack(given["StackName"])
        body = stack.template if given.get("TemplateStage") == "Original" else json.dumps(stack.processed)
        return ActionResult({"TemplateBody": body})

    def get_template_summary(self) -> ActionResult:
        declared = parsed(self._stack(self.given()["StackName"]).template).get("Parameters", {})
        return ActionResult({"Parameters": [{"ParameterKey": name} for name in declared]})

    def delete_stack(self) -> ActionResult:
        stack = self._stack(self.given()["StackName"])
        types = self._types
        try:
            for name, resource in reversed(list(stack.resources.items())):
                if not resource.retained:
                    types[resource.type].delete(resource.made, resource.properties)
                    stack.record("DELETE_COMPLETE", name, resource.type, resource.made.physical_id)
        except ClientError as problem:
            self._finish(stack, "DELETE_FAILED", str(problem))
        else:
            self._finish(stack, "DELETE_COMPLETE")
            # A deleted stack can still be asked for by its id.
            self.stacks[stack.id] = self.stacks.pop(stack.name)
        return EmptyResult()

    def _plan(self, stack: Stack, text: str, given: list[dict[str, Any]]) -> dict[str, Any]:
        """Return what becomes of a template with these parameters, and what it would change."""
        template = parsed(text)
        try:
            values = _parameter_values(template, given, stack.parameters)
            known = names(stack, template, values)
            check_rules(template.get("Rules", {}), known[0])
            resolver = PartialResolver(*known)
            result = processed(template, resolver, values, self._object, self.region)
            rehearsal = Pass(stack, result, values, self._types, rehearsal=True)
            rehearsal.run()
        except (ParameterError, TemplateError) as problem:
            raise Refused("ValidationError", str(problem)) from problem
        outcome = {"Status": "CREATE_COMPLETE", "ExecutionStatus": "AVAILABLE"}
        if not rehearsal.changes:
            reason = (
                "The submitted information didn't contain changes. Submit different information to create a change set."
            )
            outcome = {"Status": "FAILED", "ExecutionStatus": "UNAVAILABLE", "StatusReason": reason}
        changes = [
            {
                "Type": "Resource",
                "ResourceChange": {"Action": action, "LogicalResourceId": name, "ResourceType": kind},
            }
            for action, name, kind in rehearsal.changes
        ]
        return {"Changes": changes, "Processed": result, "Values": values, **outcome}

    def _stack(self, name: str) -> Stack:
        for stack in self.stacks.values():
            if name in (stack.id, stack.name) and not (name == stack.name and stack.status == "DELETE_COMPLETE"):
                return stack
        raise Refused("ValidationError", f"Stack with id {name} does not exist")

    def _change_set(self) -> dict[str, Any]:
        return only(self.change_sets, self.given()["ChangeSetName"], "ChangeSetNotFound")

    def _object(self, bucket: str, key: str) -> str:
        body: bytes = self._aws.call("s3", "GetObject", {}, Bucket=bucket, Key=key)["Body"].read()
        return body.decode()

    def _finish(self, stack: Stack, status: str, reason: str = "") -> None:
        stack.status = status
        stack.record(status, reason=reason)


def _bucket_and_key(url: str) -> tuple[str, str]:
    bucket, _, key = urlsplit(url).path.lstrip("/").partition("/")
    return bucket, key


def _parameter_values(
    template: Mapping[str, Any], given: list[dict[str, Any]], before: Mapping[str, str]
) -> dict[str, str]:
    declared = template.get("Parameters", {})
    values = {name: str(parameter["Default"]) for name, parameter in declared.items() if "Default" in parameter}
    for parameter in given:
        name = parameter["ParameterKey"]
        values[name] = before[name] if parameter.get("UsePreviousValue") else parameter["ParameterValue"]
    if set(values) != set(declared):
        raise TemplateError(f"Parameters: {sorted(set(values) ^ set(declared))} must have values, or are not declared")
    for name, parameter in declared.items():
        try:
            parameter_values({name: parameter}, {name: values[name]})
        except ParameterError as problem:
            words = parameter.get("ConstraintDescription", problem)
            raise TemplateError(f"Parameter {name} failed to satisfy constraint: {words}") from problem
    return values
