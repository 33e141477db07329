"""The README against the project: its commands are run, its names are looked up in the code."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from readme import (
    ALARM_FAULT,
    ALARM_SANDBOX,
    README,
    STACK_PROBE_LOOKUP,
    STACK_PROBE_SANDBOX,
    blocks,
    commands,
    in_the_foreground,
    shell,
)
from tools import REPOSITORY, put_aws_cli, template_as_written

# Those that other tests run: the sandbox in the foreground (the fixture below), this very test run, the benchmark, the
# dashboard, the build and the deployment.
ELSEWHERE = {
    "scripts/sandbox.sh",
    "scripts/test.sh",
    "scripts/bench.sh telemetry",
    "scripts/bench.sh probe",
    "scripts/dashboard.sh",
    "sam build",
    "sam deploy --guided",
}
(SAVED_AND_COMPARED,) = (block for block in blocks("sh") if "--compare" in block)
AGAINST_THE_SANDBOX = [
    line
    for line in commands()
    if "--sandbox" in line and line != ALARM_FAULT and line not in SAVED_AND_COMPARED.splitlines()
]
# The first says where the sandbox is.
(AWS_LINES,) = (block.splitlines() for block in blocks("sh") if "\naws " in block)


@pytest.fixture(scope="module")
def foreground_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with in_the_foreground("scripts/sandbox.sh", tmp_path_factory.mktemp("sandbox") / "log"):
        yield


@pytest.mark.usefixtures("foreground_sandbox")
@pytest.mark.parametrize("command", AGAINST_THE_SANDBOX)
def test_the_probes_commands_run(command: str, tmp_path: Path) -> None:
    program, _, file = command.partition(" > ")
    done = shell(f"{program} > {tmp_path / file}" if file else program)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "completed" in ((tmp_path / file).read_text() if file else done.stdout)


@pytest.mark.usefixtures("foreground_sandbox")
def test_two_saved_results_are_compared(tmp_path: Path) -> None:
    done = shell(re.sub(r"(before|after)\.json", rf"{tmp_path}/\g<0>", SAVED_AND_COMPARED))
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("after: 6 of 6 runs completed\nbefore: 6 of 6 runs completed\n")


@pytest.mark.usefixtures("foreground_sandbox")
def test_the_curl_lines_run() -> None:
    (block,) = (block for block in blocks("sh") if "curl" in block)
    done = shell(block)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("A river begins")


@pytest.mark.usefixtures("foreground_sandbox")
def test_the_aws_lines_find_what_was_recorded(tmp_path: Path) -> None:
    """The real AWS CLI, as `aws` on the PATH."""
    put_aws_cli(tmp_path)
    assert shell("scripts/probe.sh --sandbox").returncode == 0
    keys, *lines = AWS_LINES
    # The trace comes last of what is recorded.
    done = shell(f"{keys}\nuntil {lines[-1]} | grep -q Annotations; do sleep 0.2; done", str(tmp_path))
    answers = {}
    for line in lines:
        done = shell(f"{keys}\n{line} --output json", str(tmp_path))
        assert done.returncode == 0, (line, done.stderr)
        answers[shlex.split(line)[2]] = json.loads(done.stdout)
    (point,) = answers["get-metric-statistics"]["Datapoints"]
    assert point["ExtendedStatistics"].keys() == {"p50", "p90", "p99"}
    assert point["ExtendedStatistics"]["p50"] > 200
    assert json.loads(answers["filter-log-events"]["events"][0]["message"])["outcome"] == "completed"
    alarms = answers["describe-alarms"]
    assert {"firstbyte-ttft", "firstbyte-page"} <= {
        alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in alarms[kind]
    }
    assert answers["get-trace-summaries"]["TraceSummaries"][0]["Annotations"]["outcome"]
    query = answers["start-query"]["queryId"]
    trace = answers["get-trace-summaries"]["TraceSummaries"][0]["Id"]
    follow_up = {
        "aws logs get-query-results --query-id ID": query,
        "aws xray batch-get-traces --trace-ids ID": trace,
    }
    for line, identity in follow_up.items():
        assert f"`{line}`" in README
        done = shell(f"{keys}\n{line.replace('ID', identity)} --output json", str(tmp_path))
        assert done.returncode == 0, done.stderr
        answers[shlex.split(line)[2]] = json.loads(done.stdout)
    (row,) = answers["get-query-results"]["results"]
    found = {cell["field"]: cell["value"] for cell in row}
    assert (found["outcome"], found["responses"].isdigit(), float(found["p90"]) > 200) == ("completed", True, True)
    (whole,) = answers["batch-get-traces"]["Traces"]
    documents = " ".join(segment["Document"] for segment in whole["Segments"])
    example = next(block for block in re.findall(r"^```\n(.*?)^```", README, re.DOTALL | re.MULTILINE) if "##" in block)
    for name in re.findall(r"^ *([#a-zA-Z -]+?)  +", example, re.MULTILINE):
        assert f'"{name}"' in documents, name


METRIC_ROWS = re.findall(r"^\| `([A-Za-z]+)` \| ([A-Za-z/]+) \| (.+) \|$", README, re.MULTILINE)


def test_the_metrics_are_those_of_the_catalogue() -> None:
    from firstbyte.catalogue import CLIENT_METRICS, METRICS

    assert [(metric.name, metric.unit, metric.meaning) for metric in (*METRICS, *CLIENT_METRICS)] == METRIC_ROWS


def test_the_log_lines_fields_outcomes_and_annotations_are_those_of_the_function() -> None:
    from firstbyte.catalogue import METRICS
    from firstbyte.meter import Outcome

    (example,) = blocks("json")
    others = {"level", "message", "service", "request_id", "trace_id", "outcome", "model", "stop_reason"}
    assert json.loads(example).keys() <= {metric.figure for metric in METRICS} | others
    listed = re.search(r"the outcome \(([a-z_` ]+)\)", README)
    assert listed
    assert re.findall(r"`(\w+)`", listed[1]) == [str(outcome.value) for outcome in Outcome]
    annotations = re.search(r"Annotations to search for are ([a-z_`, ]+)\.?:", README)
    assert annotations
    tracing = (REPOSITORY / "src/function/firstbyte/tracing.py").read_text()
    body = tracing.split("def _annotations(")[1].split("\n\n\n")[0]
    made = re.findall(r"^        (\w+)=", body, re.MULTILINE)
    assert sorted(re.findall(r"`(\w+)`", annotations[1])) == sorted(made)


def test_the_demo_runs() -> None:
    done = shell("scripts/sandbox.sh --demo")
    assert done.returncode == 0, done.stdout + done.stderr
    assert all(word in done.stdout for word in ("TTFB", "TTFT", "Total", "completed"))


def test_every_command_is_accounted_for() -> None:
    curl = {line for block in blocks("sh") if "curl" in block for line in block.splitlines()}
    tested = {
        *ELSEWHERE,
        *AGAINST_THE_SANDBOX,
        *SAVED_AND_COMPARED.splitlines(),
        *AWS_LINES,
        ALARM_SANDBOX,
        ALARM_FAULT,
        STACK_PROBE_SANDBOX,
        STACK_PROBE_LOOKUP,
    }
    rest = set(commands()) - tested - curl
    assert rest == {
        "scripts/sandbox.sh --demo",
        "scripts/probe.sh --url https://YOUR-URL-ID.lambda-url.us-east-1.on.aws/",
    }


def test_the_probes_formats_and_exit_codes_are_those_of_its_help() -> None:
    from probe.options import EPILOG, OUTPUTS

    formats = README.split("| Output | For |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)) == OUTPUTS
    codes = README.split("| Exit code | Meaning |")[1].split("\n\n")[0]
    said = re.findall(r"^  (\d+) +(.+)$", EPILOG.split("exit codes:")[1], re.MULTILINE)
    assert re.findall(r"^\| (\d+) \| (.+) \|$", codes, re.MULTILINE) == said


@pytest.mark.parametrize("script", ["sandbox", "probe", "bench", "dashboard"])
def test_every_flag_named_is_one(script: str) -> None:
    named = {
        flag
        for line in [*commands(), *re.findall(r"`(scripts/[^`]*)`", README)]
        if f"scripts/{script}.sh" in line
        for flag in re.findall(r"(?<= )--[a-z-]+", line.split("--prompt")[0])
    }
    text = shell(f"scripts/{script}.sh --help").stdout
    assert "usage:" in text
    assert [flag for flag in named if flag not in text] == []


def test_directives_and_faults_are_those_of_the_models() -> None:
    from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS
    from sandbox.bedrock.script import KEYS

    table = [row for row in README.splitlines() if row.startswith("| `")]
    named = set(re.findall(r"`([a-z_]+)(?:=[^`]*)?`", " ".join(row.split("|")[1] for row in table)))
    assert named >= KEYS - {"fault"}
    faults = {row.split("|")[1].strip(): set(re.findall(r"`([a-z_]+)`", row.split("|")[2])) for row in table}
    assert faults["`fault=NAME`"] == {*HTTP_FAULTS, "silent"}
    assert faults["`fault=NAME:AFTER`"] == {*STREAM_FAULTS, "drop", "silent"}


def test_error_types_and_statuses_are_those_of_the_function() -> None:
    from firstbyte.failures import ErrorType

    named = re.findall(r"^\| ((?:`[a-z_]+`(?:, )?)+) \| ([0-9, ]+) \|", README, re.MULTILINE)
    types = {name for row, _ in named for name in re.findall(r"`([a-z_]+)`", row)}
    assert types == {str(error_type.value) for error_type in ErrorType}


def test_folders_files_and_outputs_exist() -> None:
    for name in re.findall(r"`((?:src|tests|scripts)/[a-z/.]*)`", README):
        assert (REPOSITORY / name).exists(), name
    for name in re.findall(r"`([a-z]+)/`", README.split("| `tests/` |")[1].split("\n")[0]):
        assert (REPOSITORY / "tests" / name).is_dir(), name
    template = template_as_written()
    assert "ProbeCommand" in template["Outputs"]
    others = {"InvokeModelWithResponseStream", "ConverseStream", "AllAtOnce", *(name for name, _, _ in METRIC_ROWS)}
    parameters = set(re.findall(r"`((?:[A-Z][a-z0-9]+){2,})(?:=[^`]*)?`", README)) - others
    assert len(parameters) > 5
    assert parameters <= template["Parameters"].keys()
    command = template["Outputs"]["ProbeCommand"]["Value"]["Fn::Sub"]
    assert shlex.split(command)[:2] == ["scripts/probe.sh", "--url"]


def test_the_python_example_runs(tmp_path: Path) -> None:
    from lambda_streaming import ResponseStream

    (example,) = blocks("python")
    names: dict[str, object] = {}
    exec(compile(example, "README.md", "exec"), names)
    sent = bytearray()
    handler = names["handler"]
    assert callable(handler)
    handler({}, None, response_stream=ResponseStream(sent.extend))
    assert b"text or bytes" in sent
