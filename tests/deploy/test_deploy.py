"""The real SAM CLI deploys, changes and deletes the stack, and each resource is looked up in its own service.

The tests look at one stack at several moments: each moment is a fixture, and comes after the one that it names.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.lookups import found
from deploy.sam_project import run_sam
from deploy.snapshot import Snapshot, differences, snapshot
from deploy.stand_in_process import REGION, StandIn
from stack_template import EVERYTHING
from template.resources import ACCOUNT_ID, read_stack

STACK = "firstbyte"
# The deployed stack has a URL for everybody, too, tells another topic than its own of tickets, and runs on another
# Python and machine, with what was built before.
PARAMETERS = {
    **EVERYTHING,
    "UrlAuthType": "NONE",
    "TicketsTo": f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:tickets",
    "PythonRuntime": "python3.12",
    "Architecture": "x86_64",
}
# What the sandbox can say of the template before there is any stack; it has transforms of its own for functions.
SANDBOX_RESOLVES = {
    "AWS::ApplicationSignals::ServiceLevelObjective",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::IAM::Role",
    "AWS::Logs::LogGroup",
    "AWS::Logs::QueryDefinition",
    "AWS::SNS::Topic",
    "AWS::Scheduler::Schedule",
}


@pytest.fixture(scope="module")
def by_default(project: Path, stand_in: StandIn) -> Snapshot:
    run_sam(project, "deploy", **stand_in.environment)
    return snapshot(stand_in, STACK)


@pytest.fixture(scope="module")
def the_same_again(by_default: Snapshot, project: Path, stand_in: StandIn) -> str:
    return run_sam(project, "deploy", **stand_in.environment)


@pytest.fixture(scope="module")
def with_everything(the_same_again: object, project: Path, stand_in: StandIn) -> Snapshot:
    overrides = [f"{name}={value}" for name, value in PARAMETERS.items()]
    run_sam(project, "deploy", "--parameter-overrides", *overrides, **stand_in.environment)
    return snapshot(stand_in, STACK)


@pytest.fixture(scope="module")
def outputs(with_everything: Snapshot, project: Path, stand_in: StandIn) -> dict[str, str]:
    said = run_sam(project, "list", "stack-outputs", "--stack-name", STACK, "--output", "json", **stand_in.environment)
    return {output["OutputKey"]: output["OutputValue"] for output in json.loads(said)}


@pytest.fixture(scope="module")
def with_new_code(outputs: object, project: Path, stand_in: StandIn) -> Snapshot:
    handler = project / ".aws-sam/build/StreamingFunction/app.py"
    built = handler.read_text()
    handler.write_text(built + "# changed\n")
    run_sam(project, "deploy", **stand_in.environment)
    handler.write_text(built)
    return snapshot(stand_in, STACK)


@pytest.fixture(scope="module")
def old_version(with_everything: Snapshot, with_new_code: Snapshot, stand_in: StandIn) -> dict[str, Any] | None:
    """What there is of the version before, when there is a new one."""
    kind, identifier = with_everything.resources[with_everything.name_of("AWS::Lambda::Version")]
    return found(stand_in.client, kind, identifier, {})


@pytest.fixture(scope="module")
def deleted(old_version: object, project: Path, stand_in: StandIn) -> None:
    run_sam(project, "delete", "--no-prompts", **stand_in.environment)


MOMENTS = ["by_default", "with_everything", "with_new_code"]


@pytest.fixture
def moment(request: pytest.FixtureRequest) -> Snapshot:
    found: Snapshot = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("moment", MOMENTS, indirect=True)
def test_every_resource_is_there_as_it_was_asked_for(moment: Snapshot) -> None:
    assert moment.resources.keys() == moment.asked.keys()
    problems = list(differences(moment.asked, moment.found))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize(
    ("moment", "parameters"), [("by_default", {}), ("with_everything", PARAMETERS)], indirect=["moment"]
)
def test_what_was_deployed_is_what_the_sandbox_reads(
    moment: Snapshot, parameters: dict[str, str], project: Path
) -> None:
    names = {name: identifier.rpartition(":")[2] for name, (_, identifier) in moment.resources.items()}
    read = read_stack(
        project / ".aws-sam/build/template.yaml", parameters, REGION, stack_name=STACK, physical_names=names
    ).resources
    expected = {name: dict(one.properties) for name, one in read.items() if one.type in SANDBOX_RESOLVES}
    assert SANDBOX_RESOLVES - {read[name].type for name in expected} <= {"AWS::SNS::Topic", "AWS::Scheduler::Schedule"}
    # A part of the stack's id is in it, which only CloudFormation makes.
    del expected["GoodResponsesObjective"]["Name"]
    problems = list(differences(_with_parsed_body(expected), _with_parsed_body(moment.found)))
    assert not problems, "\n".join(problems)


def _with_parsed_body(properties: Any) -> dict[str, Any]:
    (dashboard,) = (name for name, one in properties.items() if "DashboardBody" in one)
    body = json.loads(properties[dashboard]["DashboardBody"])
    return {**properties, dashboard: {**properties[dashboard], "DashboardBody": body}}


def test_no_change_is_said_and_is_no_failure(the_same_again: str) -> None:
    assert f"No changes to deploy. Stack {STACK} is up to date" in the_same_again


def test_the_url_is_among_the_outputs(outputs: dict[str, str], with_everything: Snapshot) -> None:
    url = with_everything.the("AWS::Lambda::Url")["FunctionUrl"]
    assert outputs["FunctionUrl"] == url
    assert outputs["ProbeCommand"] == f"scripts/probe.sh --url {url}"


def test_new_code_moves_the_alias_and_changes_nothing_else(with_everything: Snapshot, with_new_code: Snapshot) -> None:
    before, after = with_everything, with_new_code
    function, alias, version = "StreamingFunction", "AWS::Lambda::Alias", "AWS::Lambda::Version"
    old, new = before.name_of(version), after.name_of(version)
    assert before.resources.keys() ^ after.resources.keys() == {old, new}
    kept = before.resources.keys() & after.resources.keys()
    assert [name for name in kept if before.resources[name] != after.resources[name]] == []
    changed = {name for name in kept if before.found[name] != after.found[name]}
    assert changed == {function, before.name_of(alias)}
    for moment in (before, after):
        assert moment.the(alias)["FunctionVersion"] == moment.the(version)["Version"]
        assert moment.the(version)["CodeSha256"] == moment.there(function)["CodeSha256"]
    assert before.there(function)["CodeSha256"] != after.there(function)["CodeSha256"]


def test_the_version_before_stays_to_go_back_to(
    with_everything: Snapshot, with_new_code: Snapshot, old_version: dict[str, Any] | None
) -> None:
    assert old_version == with_everything.the("AWS::Lambda::Version")


@pytest.mark.parametrize(
    ("moment", "runtime", "machine"),
    [("by_default", "python3.13", "arm64"), ("with_everything", "python3.12", "x86_64")],
    indirect=["moment"],
)
def test_the_functions_run_on_the_python_and_the_machine_that_were_asked_for(
    moment: Snapshot, runtime: str, machine: str
) -> None:
    functions = [name for name, (kind, _) in moment.resources.items() if kind == "AWS::Lambda::Function"]
    assert "StreamingFunction" in functions
    layer = moment.the("AWS::Lambda::LayerVersion")
    for name in functions:
        there = moment.there(name)
        assert (there["Runtime"], there["Architectures"]) == (runtime, [machine])
        assert runtime in layer["CompatibleRuntimes"]
        assert machine in layer["CompatibleArchitectures"]


def test_a_new_version_has_all_requests_at_once(with_everything: Snapshot) -> None:
    """The alarms see all versions together, so none of them could judge a new one that has some of the requests."""
    assert "UpdatePolicy" not in with_everything.processed["Resources"][with_everything.name_of("AWS::Lambda::Alias")]
    assert "RoutingConfig" not in with_everything.asked[with_everything.name_of("AWS::Lambda::Alias")]


@pytest.mark.parametrize("moment", MOMENTS, indirect=True)
def test_nothing_is_left_after_delete(moment: Snapshot, deleted: None, stand_in: StandIn) -> None:
    left = {
        name: there
        for name, (kind, identifier) in moment.resources.items()
        if (there := found(stand_in.client, kind, identifier, moment.asked[name])) is not None
    }
    assert left == {}


def test_no_upload_is_left_after_delete(
    by_default: Snapshot, with_new_code: Snapshot, deleted: None, stand_in: StandIn
) -> None:
    code = [moment.asked["StreamingFunction"]["Code"] for moment in (by_default, with_new_code)]
    keys = {upload["S3Key"] for upload in code}
    assert len(keys) == 2
    left = stand_in.client("s3").list_objects_v2(Bucket=code[0]["S3Bucket"]).get("Contents", [])
    assert keys & {item["Key"] for item in left} == set()
