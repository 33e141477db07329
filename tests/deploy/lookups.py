"""What there is of a resource, asked of its own service and spelled as CloudFormation spells its properties.

Each lookup takes the resource's physical id and the properties that were asked for, which name what it belongs to.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

Client = Callable[[str], Any]
Properties = dict[str, Any]
Lookup = Callable[[Client, str, Properties], Properties]


def found(client: Client, kind: str, identifier: str, asked: Properties) -> Properties | None:
    """Return the resource's properties, or None if there is no such resource.

    Raises:
        KeyError: nobody knows how to look up a resource of this type.
        botocore.exceptions.ClientError: the service says something other than that there is none.
    """
    try:
        there = LOOKUPS[kind](client, identifier, asked)
        return {key: value for key, value in there.items() if key != "ResponseMetadata"}
    except LookupError:
        if kind not in LOOKUPS:
            raise
        return None
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if any(word in code for word in ("NotFound", "NoSuch", "DoesNotExist")):
            return None
        raise


def _only(things: Any, **wanted: str) -> Properties:
    matching = [thing for thing in things if wanted.items() <= thing.items()]
    if not matching:
        raise LookupError(wanted)
    (thing,) = matching
    return dict(thing)


def _hash_of_what_was_uploaded(client: Client, code: Mapping[str, str]) -> str:
    body = client("s3").get_object(Bucket=code["S3Bucket"], Key=code["S3Key"])["Body"].read()
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _code(client: Client, asked: Mapping[str, str], hashed: str) -> Mapping[str, str]:
    """Return the code as it was asked for if that is what the service has, and else the hash that it has."""
    return asked if _hash_of_what_was_uploaded(client, asked) == hashed else {"CodeSha256": hashed}


def _function(client: Client, name: str, asked: Properties) -> Properties:
    answer = client("lambda").get_function(FunctionName=name)
    made = answer["Configuration"]
    return {
        **made,
        "Arn": made["FunctionArn"],
        "Code": _code(client, asked["Code"], made["CodeSha256"]),
        "Layers": [layer["Arn"] for layer in made.get("Layers", [])],
        "ReservedConcurrentExecutions": answer.get("Concurrency", {}).get("ReservedConcurrentExecutions"),
        "Tags": [{"Key": key, "Value": value} for key, value in answer["Tags"].items()],
    }


def _layer_version(client: Client, arn: str, asked: Properties) -> Properties:
    layer, _, number = arn.rpartition(":")
    made = client("lambda").get_layer_version(LayerName=layer, VersionNumber=int(number))
    return {
        **made,
        "LayerName": layer.rpartition(":")[2],
        "Content": _code(client, asked["Content"], made["Content"]["CodeSha256"]),
    }


def _version(client: Client, arn: str, asked: Properties) -> Properties:
    made: Properties = client("lambda").get_function(FunctionName=arn)["Configuration"]
    return made


def _alias(client: Client, arn: str, asked: Properties) -> Properties:
    function, _, name = arn.rpartition(":")
    made = client("lambda").get_alias(FunctionName=function, Name=name)
    return {**made, "FunctionName": made["AliasArn"].split(":")[-2]}


def _url(client: Client, arn: str, asked: Properties) -> Properties:
    function, _, qualifier = arn.rpartition(":")
    made = client("lambda").get_function_url_config(FunctionName=function, Qualifier=qualifier)
    return {**made, "TargetFunctionArn": made["FunctionArn"]}


def _permission(client: Client, sid: str, asked: Properties) -> Properties:
    function, _, qualifier = asked["FunctionName"].rpartition(":")
    policy = json.loads(client("lambda").get_policy(FunctionName=function, Qualifier=qualifier)["Policy"])
    statement = _only(policy["Statement"], Sid=sid)
    return {**statement, "FunctionName": statement["Resource"]}


def _event_invoke_config(client: Client, identifier: str, asked: Properties) -> Properties:
    # moto has one of each function, and knows no qualifiers of it.
    made = client("lambda").get_function_event_invoke_config(FunctionName=asked["FunctionName"])
    return {**made, "FunctionName": made["FunctionArn"].rpartition(":")[2], "Qualifier": asked["Qualifier"]}


def _role(client: Client, name: str, asked: Properties) -> Properties:
    iam = client("iam")
    policies = [
        {
            "PolicyName": policy,
            "PolicyDocument": iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"],
        }
        for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]
    ]
    attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
    arns = [policy["PolicyArn"] for policy in attached]
    return {**iam.get_role(RoleName=name)["Role"], "Policies": policies, "ManagedPolicyArns": arns}


def _alarm(client: Client, name: str, asked: Properties) -> Properties:
    answer = client("cloudwatch").describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    made = _only([*answer["MetricAlarms"], *answer["CompositeAlarms"]])
    return {**made, "Arn": made["AlarmArn"]}


def _dashboard(client: Client, name: str, asked: Properties) -> Properties:
    made: Properties = client("cloudwatch").get_dashboard(DashboardName=name)
    return made


def _log_group(client: Client, name: str, asked: Properties) -> Properties:
    groups = client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"]
    return _only(groups, logGroupName=name)


def _query_definition(client: Client, identifier: str, asked: Properties) -> Properties:
    definitions = client("logs").describe_query_definitions()["queryDefinitions"]
    return _only(definitions, queryDefinitionId=identifier)


def _group(client: Client, arn: str, asked: Properties) -> Properties:
    return _only(client("xray").get_groups()["Groups"], GroupARN=arn)


def _objective(client: Client, arn: str, asked: Properties) -> Properties:
    made: Properties = client("application-signals").get_service_level_objective(Id=arn)["Slo"]
    return made


def _topic(client: Client, arn: str, asked: Properties) -> Properties:
    subscriptions = client("sns").list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    return {**client("sns").get_topic_attributes(TopicArn=arn)["Attributes"], "Subscription": subscriptions}


def _schedule(client: Client, name: str, asked: Properties) -> Properties:
    made: Properties = client("scheduler").get_schedule(Name=name)
    return made


LOOKUPS: Mapping[str, Lookup] = {
    "AWS::ApplicationSignals::ServiceLevelObjective": _objective,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _alarm,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::IAM::Role": _role,
    "AWS::Lambda::Alias": _alias,
    "AWS::Lambda::EventInvokeConfig": _event_invoke_config,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::LayerVersion": _layer_version,
    "AWS::Lambda::Permission": _permission,
    "AWS::Lambda::Url": _url,
    "AWS::Lambda::Version": _version,
    "AWS::Logs::LogGroup": _log_group,
    "AWS::Logs::QueryDefinition": _query_definition,
    "AWS::SNS::Topic": _topic,
    "AWS::Scheduler::Schedule": _schedule,
    "AWS::XRay::Group": _group,
}
