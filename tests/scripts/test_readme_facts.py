"""What the READMEs say, against the project: links, files, options, and every table that the code knows, too."""

import json
import re
import subprocess
from functools import cache
from typing import Any

import pytest

from readme import READMES, ROOMS, blocks, section, table, unquoted
from recorded import FIELDS
from tools import REPOSITORY, template_as_written
from unit.test_structure import ALLOWED, OWN

TEMPLATE = template_as_written()
SCRIPTS = ("sandbox", "probe", "console", "env", "layer", "dashboard", "bench", "verify", "bom", "test")
# Where the code's own names are found: no README is among them.
SOURCES = ("src/**/*.py", "tests/*.py", "scripts/*.sh", "src/*/Makefile", "template.yaml", "dashboards/*.json")
# Names in backticks that look like files and are none of this repository.
NO_FILES = {".sandbox/ready.json", "countdown/app.py", "tests/browser/pictures/", "tests/unit/test_ROOM_FILE.py"}


def prose(room: str) -> str:
    """A README without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", READMES[room], flags=re.DOTALL | re.MULTILINE)


@cache
def help_of(script: str) -> str:
    command = [str(REPOSITORY / f"scripts/{script}.sh"), "--help"]
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=True).stdout


@cache
def words_of_the_sources() -> frozenset[str]:
    texts = (path.read_text() for pattern in SOURCES for path in REPOSITORY.glob(pattern))
    return frozenset(word for text in texts for word in re.findall(r"\w+", text))


def anchors(room: str) -> set[str]:
    """The addresses of a README's headings, as they are made of the headings' words."""
    headings = re.findall(r"^#+ (.+)$", prose(room), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_room_has_a_readme_and_the_first_one_leads_to_it() -> None:
    assert READMES.keys() == {".", *ROOMS}
    rooms = [re.findall(r"\]\((.+?)/README\.md\)", row[0]) for row in table(".", "## Where to read on")]
    assert sorted(room for found in rooms for room in found) == sorted(ROOMS)


def test_the_first_readme_is_short() -> None:
    assert len(READMES["."].splitlines()) <= 200


@pytest.mark.parametrize("room", READMES)
def test_links_lead_somewhere(room: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", prose(room)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        found = (REPOSITORY / room / path).resolve()
        assert found.exists(), target
        if anchor:
            linked = str(found.parent.relative_to(REPOSITORY)) if path else room
            assert anchor in anchors(linked), target


@pytest.mark.parametrize("room", READMES)
def test_files_that_are_named_exist(room: str) -> None:
    looks_like_a_file = r"[\w.*/-]+\.(?:py|sh|json|yaml|toml|lock|txt)|[\w.*/-]+/"
    names = [name for name in unquoted(prose(room)) if re.fullmatch(looks_like_a_file, name)]
    for drawing in blocks("mermaid", room):
        names += re.findall(r"(\b[\w/]+\.(?:py|json|yaml)\b|(?<=\")[a-z_/]+/(?=[\"<]))", drawing.text)
    for name in set(names) - NO_FILES:
        pattern = name.rstrip("/")
        # A README names a file of its own room from there, or by its bare name.
        places = (REPOSITORY.glob(pattern), (REPOSITORY / room).glob(pattern), (REPOSITORY / room).rglob(pattern))
        assert any(found for place in places for found in place), name


@pytest.mark.parametrize("room", READMES)
def test_names_of_the_code_are_in_it(room: str) -> None:
    named = {name for name in unquoted(prose(room)) if re.fullmatch(r"[A-Za-z_]\w+", name)}
    assert sorted(named - words_of_the_sources()) == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_every_option_named_is_one(script: str) -> None:
    texts = [command for block in blocks("sh") for command in block.commands]
    texts += [name for room in READMES for name in unquoted(prose(room))]
    named = {
        flag
        for text in texts
        if re.match(rf'(eval "\$\()?scripts/{script}\.sh', text)
        for flag in re.findall(r"(?<= )--[a-z-]+", text.split("--prompt ")[0])
    }
    assert "usage:" in help_of(script)
    assert [flag for flag in named if flag not in help_of(script)] == []


def test_options_named_alone_belong_to_a_script() -> None:
    known = " ".join(help_of(script) for script in SCRIPTS)
    named = [name.split()[0] for room in READMES for name in unquoted(prose(room)) if name.startswith("--")]
    assert len(named) > 10
    assert [flag for flag in named if flag not in known] == []


def test_the_scripts_are_those_that_there_are() -> None:
    assert sorted(unquoted(row[0])[0] for row in table("scripts", "# The commands")) == sorted(
        path.name for path in (REPOSITORY / "scripts").glob("*.sh")
    )


def test_the_imports_named_are_those_allowed() -> None:
    named = re.findall(r"`(\w+)` → `(\w+)`", READMES["."])
    assert len(named) == READMES["."].count("→") == len(set(named))
    rooms = {package: room for room, packages in OWN.items() for package in packages}
    allowed = {(room, package) for room, may in ALLOWED.items() for package in may}
    assert set(named) == {(room, rooms[package]) for room, package in allowed if package in rooms}


def test_the_folders_of_the_tests_are_those_that_there_are() -> None:
    folders = {path.parent.relative_to(REPOSITORY / "tests").parts[0] for path in REPOSITORY.glob("tests/*/test_*.py")}
    assert {unquoted(row[0])[0].rstrip("/") for row in table("tests", "# The tests")} == folders


def test_the_tests_that_catch_a_fault_are_there() -> None:
    for _, where in table("tests", "## Which test catches what"):
        file, _, name = re.findall("`(.+?)`", where)[0].partition("::")
        assert f"def {name}(" in (REPOSITORY / "tests" / file).read_text(), where


def test_the_metrics_are_those_of_the_catalogue() -> None:
    from firstbyte.catalogue import CLIENT_METRICS, METRICS

    read = {
        (True, True): "service, model",
        (True, False): "service",
        (False, True): "model",
        (False, False): "log line",
    }
    emitted, published = READMES["src/function"].split("[The probe](../probe/README.md)")
    rows = re.findall(r"^\| `([A-Za-z]+)` \| ([A-Za-z/]+) \| ([a-z, ]+) \| (.+) \|$", emitted, re.MULTILINE)
    assert rows == [
        (metric.name, metric.unit, read[metric.by_service, metric.by_model], metric.meaning) for metric in METRICS
    ]
    rows = re.findall(r"^\| `([A-Za-z]+)` \| ([A-Za-z/]+) \| (.+) \|$", published, re.MULTILINE)
    assert rows == [(metric.name, metric.unit, metric.meaning) for metric in CLIENT_METRICS]


def test_opentelemetrys_names_stand_beside_figures_and_fields_that_exist() -> None:
    from firstbyte.catalogue import METRICS

    rows = READMES["src/function"].split("| OpenTelemetry | Here |")[1].split("\n\n")[0]
    cells = re.findall(r"^\| (`.+) \| (.+) \|$", rows, re.MULTILINE)
    assert len(cells) > 10
    known = {metric.figure for metric in METRICS} | FIELDS
    for theirs, ours in cells:
        assert all("." in name or name in ("input", "output") for name in unquoted(theirs)), theirs
        assert known >= set(unquoted(ours)) - {"chat", "aws.bedrock"}, ours


def test_the_log_lines_fields_outcomes_and_annotations_are_those_of_the_function() -> None:
    from firstbyte.catalogue import METRICS
    from firstbyte.meter import Outcome

    (example,) = blocks("json", "src/function")
    assert json.loads(example.text).keys() <= {metric.figure for metric in METRICS} | FIELDS
    listed = re.search(r"the outcome \(([a-z_`\s]+)\)", READMES["src/function"])
    assert listed
    assert unquoted(listed[1]) == [str(outcome.value) for outcome in Outcome]
    annotations = re.search(r"Annotations to search for are ([a-z_`,\s]+)\.", READMES["src/function"])
    assert annotations
    tracing = (REPOSITORY / "src/function/firstbyte/tracing.py").read_text()
    body = tracing.split("def _annotations(")[1].split("\n\n\n")[0]
    assert sorted(unquoted(annotations[1])) == sorted(re.findall(r"^        (\w+)=", body, re.MULTILINE))


def test_request_fields_and_response_formats_are_those_of_the_function() -> None:
    from firstbyte import rendering, request

    fields = [name for row in table("src/function", "## Request") for name in unquoted(row[0])]
    assert sorted(fields) == sorted(request._FIELDS)
    meaning = {row[0]: row[1] for row in table("src/function", "## Request")}
    assert f"up to {request.MAX_MESSAGES:,} " in meaning["`messages`"]
    assert f"up to {request.MAX_STOP_SEQUENCE_CHARS} characters" in meaning["`stop_sequences`"]
    limit = TEMPLATE["Resources"]["StreamingFunction"]["Properties"]["Environment"]["Variables"]["MAX_PROMPT_CHARS"]
    assert f"may have {int(limit):,} characters" in READMES["src/function"]
    formats = [unquoted(row[0])[0] for row in table("src/function", "## Response")]
    known = (rendering.TEXT, rendering.SSE, rendering.NDJSON, rendering.JSON)
    assert formats == [one.content_type.partition(";")[0] for one in known]


def test_error_types_and_statuses_are_those_of_the_function() -> None:
    from firstbyte.failures import ErrorType, Failure

    types = []
    for row in table("src/function", "## Errors"):
        for name in unquoted(row[0]):
            types.append(name)
            assert str(Failure.of(ErrorType(name)).status) in row[1].split(", ")
    assert sorted(types) == sorted(ErrorType)


def test_the_probes_formats_and_exit_codes_are_those_of_its_help() -> None:
    from probe.formats import FORMATS
    from probe.options import EPILOG, OUTPUTS

    formats = READMES["src/probe"].split("| Output | For |")[1].split("\n\n")[0]
    assert tuple(re.findall(r"^\| `(\w+)` \|", formats, re.MULTILINE)) == OUTPUTS
    known = [name for row in table("src/probe", "## Any stream") for name in unquoted(row[0])]
    assert tuple(known) == FORMATS
    explained = EPILOG.split("formats:")[1].split("\n\n")[0]
    assert all(re.search(rf"^    ([\w-]+, )?{name}\b", explained, re.MULTILINE) for name in FORMATS)
    codes = READMES["src/probe"].split("| Exit code | Meaning |")[1].split("\n\n")[0]
    # The help breaks its lines.
    said = [
        (code, " ".join(meaning.split()))
        for code, meaning in re.findall(r"^  (\d+) +(.+(?:\n {7}.+)*)$", EPILOG.split("exit codes:")[1], re.MULTILINE)
    ]
    assert re.findall(r"^\| (\d+) \| (.+) \|$", codes, re.MULTILINE) == said
    (order,) = re.findall(r"When several apply, .+", READMES["src/probe"])
    assert order in EPILOG


def test_directives_and_faults_are_those_of_the_models() -> None:
    from sandbox.bedrock.errors import HTTP_FAULTS, STREAM_FAULTS
    from sandbox.bedrock.script import KEYS

    rows = table("src/sandbox", "## How the models behave")
    named = {re.sub("=.*", "", name) for row in rows for name in unquoted(row[0])}
    assert named == KEYS
    faults = {row[0]: set(unquoted(row[1])) for row in rows}
    assert faults["`fault=NAME`"] == {*HTTP_FAULTS, "silent"}
    assert faults["`fault=NAME:AFTER`"] == {*STREAM_FAULTS, "error_chunk", "drop", "silent"}


def test_the_parameters_are_those_of_the_template() -> None:
    groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    declared = [(name, TEMPLATE["Parameters"][name]) for group in groups for name in group["Parameters"]]
    # The guide asks in the template's order, the console in that of the groups.
    assert [name for name, _ in declared] == list(TEMPLATE["Parameters"])
    assert table("src/template", "## Parameters") == [
        [f"`{name}`", f"`{one['Default']}`" if str(one["Default"]) else "", " ".join(one["Description"].split())]
        for name, one in declared
    ]


def test_outputs_and_overrides_are_those_of_the_template() -> None:
    assert [unquoted(row[0])[0] for row in table("src/template", "## Deploy")] == list(TEMPLATE["Outputs"])
    command = TEMPLATE["Outputs"]["ProbeCommand"]["Value"]["Fn::Sub"]
    assert command.startswith("scripts/probe.sh --url ")
    texts = [*map(prose, READMES), *(block.text for block in blocks("sh"))]
    overrides = set(re.findall(r"\b((?:[A-Z][a-z0-9]+){2,})=(?!=)", " ".join(texts)))
    assert len(overrides) > 1
    assert overrides <= TEMPLATE["Parameters"].keys()


def test_the_alarms_are_those_of_the_template() -> None:
    alarms: dict[str, dict[str, Any]] = {
        alarm["Properties"]["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-"): alarm["Properties"]
        for alarm in TEMPLATE["Resources"].values()
        if alarm["Type"] in ("AWS::CloudWatch::Alarm", "AWS::CloudWatch::CompositeAlarm")
    }
    rows = {unquoted(row[0])[0]: row[2] for row in table("dashboards", "## Alarms")}
    assert rows.keys() == alarms.keys()
    for name, threshold in rows.items():
        match alarms[name].get("Threshold"):
            case {"Ref": parameter}:
                assert threshold == f"`{parameter}` ({TEMPLATE['Parameters'][parameter]['Default']})", name
            case {"Fn::FindInMap": [mapping, key, value]}:
                assert threshold == TEMPLATE["Mappings"][mapping][key][value], name
            case None:
                assert name == "page"


def test_whom_an_alarm_tells_is_what_the_template_says() -> None:
    resources = TEMPLATE["Resources"]
    rule = json.dumps(resources["PageAlarm"]["Properties"]["AlarmRule"])
    tells = {unquoted(row[0])[0]: row[3].split(",")[0] for row in table("dashboards", "## Alarms")}
    for name, alarm in resources.items():
        if alarm["Type"] == "AWS::CloudWatch::Alarm":
            properties = alarm["Properties"]
            pages, makes_ticket = f"${{{name}}}" in rule, "TicketTopic" in json.dumps(properties.get("AlarmActions"))
            assert pages != makes_ticket, name
            assert properties.get("OKActions") == properties.get("AlarmActions"), name
            short = properties["AlarmName"]["Fn::Sub"].removeprefix("${AWS::StackName}-")
            assert tells[short] == ("page" if pages else "ticket")


def test_the_goal_and_its_limits_are_what_the_template_has() -> None:
    goal = TEMPLATE["Parameters"]["GoodResponsePercent"]
    text = " ".join(section("dashboards", "## Alarms").split())
    assert f"what `GoodResponsePercent` ({goal['Default']}) leaves: {100 - goal['Default']} %" in text
    assert f"So the template takes goals from {goal['MinValue']} to {goal['MaxValue']}." in " ".join(
        section("dashboards", "### The simulation").split()
    )


def test_the_rows_of_the_dashboard_are_those_that_it_has() -> None:
    dashboard = (REPOSITORY / "dashboards/streaming.json").read_text()
    rows = [row[0] for row in table("dashboards", "## Read the dashboard")]
    assert rows == [f"{row}?" for row in re.findall(r"## ([^?]+)\?", dashboard)]


def test_what_is_paid_for_is_counted() -> None:
    from firstbyte.catalogue import CLIENT_METRICS, METRICS

    text = section("src/template", "## What it costs to run")
    resources = TEMPLATE["Resources"].values()
    unconditional = [resource for resource in resources if "Condition" not in resource]
    alarms = [resource["Properties"] for resource in unconditional if resource["Type"] == "AWS::CloudWatch::Alarm"]
    in_alarms = sum("MetricStat" in query for alarm in alarms for query in alarm["Metrics"])
    composites = sum(resource["Type"] == "AWS::CloudWatch::CompositeAlarm" for resource in unconditional)
    service, model = sum(metric.by_service for metric in METRICS), sum(metric.by_model for metric in METRICS)
    cost = (
        f"at most {service} of the service and {model} of each model, 0.30 each | {(service + model) * 0.30:.2f} with"
    )
    assert cost in text
    assert composites == 1
    assert f"{in_alarms} metrics in them, 0.10 each, and one composite, 0.50 | {in_alarms * 0.1 + 0.5:.2f} |" in text
    assert f"`ExpectedProbe`) adds {2 * len(CLIENT_METRICS)} metrics and an alarm" in " ".join(text.split())
    a_month = [f"{30 * 24 * 60 // minutes:,}" for minutes in (5, 1)]
    assert f"| requests | {' | '.join(a_month)} |" in text


def test_the_pictures_are_there_and_small() -> None:
    pictures = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", READMES["."])
    assert len(pictures) == 2
    for picture in pictures:
        content = (REPOSITORY / picture).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) < 200_000, picture
