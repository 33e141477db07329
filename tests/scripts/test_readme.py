"""The READMEs' commands and examples, run as a reader would run them, beside one sandbox."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from readme import ELSEWHERE, QUICK_MODELS, SANDBOX, Block, Clone, blocks
from sandbox_client import aws_client, call
from sandbox_process import StartSandbox
from template.document import load
from tools import REPOSITORY

# Whatever matches the first must print what matches the second. Telemetry may come late: see below.
PRINTED = (
    (r"scripts/probe\.sh(?!.*>)", "completed"),
    (r"--runs 5$", "5 of 5 runs completed"),
    (r"--against buffered", "6 of 6 runs completed"),
    (r"--compare", r"after: 6 of 6 runs completed.*\nbefore: 6 of 6 runs completed"),
    (r"gap=0\]\]", "burst"),
    (r"--output html", "^$"),
    (r"\bcurl\b", "^A river begins"),
    (r"dashboard\.sh", '"widgets"'),
    (r"TimeToFirstToken.*p90", r"\| +\d{3,}\.\d+ *\| +\d{3,}\.\d+ *\|"),
    (r"probe,Value=schedule", r"\| +\d+\.\d+ *\| +\d+\.\d+ *\|"),
    (r"describe-alarms", r"(?s)\| +firstbyte-ttft *\| +[A-Z_]+ *\|.*firstbyte-page"),
    (r"describe-alarm-history", "DescribeAlarmHistory"),
    (r"filter-log-events", '"outcome":"completed"'),
    (r"get-query-results", r"\| +amazon\.nova-lite-v1:0 *\| +completed *\| +\d+ *\| +\d{3,}\.\d+ *\|"),
    (r"get-trace-summaries", r"\| +1-[0-9a-f]{8}-[0-9a-f]{24} *\| +\d+\.\d+ *\| +\d{3,}\.\d+ *\|"),
    (r"batch-get-traces", r'"name":"firstbyte-StreamingFunction"'),
)


def scripts(block: Block) -> list[str]:
    """What is pasted at once: a command, or the whole block if its commands need each other."""
    together = "eval " in block.text or "--compare" in block.text
    return [block.text] if together else block.commands


EVERYTHING = dict.fromkeys(script for block in blocks("sh") for script in scripts(block))
BESIDE_THE_SANDBOX = [script for script in EVERYTHING if script not in ELSEWHERE]


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clone]:
    clone = Clone(tmp_path_factory.mktemp("readme"))
    with clone.in_the_foreground(SANDBOX, *QUICK_MODELS):
        assert clone.shell("scripts/probe.sh --sandbox").returncode == 0
        yield clone


@pytest.mark.parametrize("script", BESIDE_THE_SANDBOX, ids=lambda script: script.splitlines()[-1][:80])
def test_a_command_does_what_it_should(clone: Clone, script: str) -> None:
    wanted = [printed for what, printed in PRINTED if re.search(what, script, re.MULTILINE)]
    assert wanted, "PRINTED does not say what this prints"
    until = time.monotonic() + 60
    while True:
        done = clone.shell(script)
        # A busy machine may miss an objective.
        assert done.returncode in ((0, 6) if "--slo" in script else (0,)), done.stdout + done.stderr
        missing = [printed for printed in wanted if not re.search(printed, done.stdout, re.MULTILINE)]
        # What was recorded, and what the stack's own probe measures, is there after a while.
        if not missing or "aws " not in script or time.monotonic() > until:
            break
    assert not missing, done.stdout + done.stderr
    for file in re.findall(r" > (\S+)$", script, re.MULTILINE):
        assert "completed" in (clone.folder / file).read_text()


def test_every_command_is_run_or_has_a_reason() -> None:
    commands = {command for block in blocks("sh") for command in block.commands}
    assert ELSEWHERE.keys() <= commands
    for reason in ELSEWHERE.values():
        assert not reason.startswith("tests/") or (REPOSITORY / reason).exists(), reason


def test_the_output_shown_is_what_is_printed(clone: Clone) -> None:
    (block,) = blocks("console")
    command, _, shown = block.text.removeprefix("$ ").partition("\n")
    done = clone.shell(command)
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout
    assert "completed" in printed
    labels = re.findall(r"(?:^|  )([A-Z][A-Za-z/() ]*?)  ", shown.partition("\n\n")[2], re.MULTILINE)
    assert len(labels) > 15
    assert [label for label in labels if not re.search(rf"(?:^|  ){re.escape(label)}  ", printed, re.MULTILINE)] == []
    assert printed.split()[:5] == shown.split()[:5]


def test_the_trace_shown_is_what_is_recorded(clone: Clone) -> None:
    (example,) = (block.text for block in blocks("", "src/function") if "## handler" in block.text)
    names = re.findall(r"^ *([#a-zA-Z -]+?)  +", example, re.MULTILINE)
    assert len(names) == 8
    xray = aws_client(json.loads(clone.ready.read_text()), "xray")
    now = datetime.now(UTC)
    # The first is there when another test has seen it, or soon.
    found: list[dict[str, Any]] = []
    until = time.monotonic() + 60
    while not found and time.monotonic() < until:
        summaries = xray.get_trace_summaries(StartTime=now - timedelta(hours=1), EndTime=now)["TraceSummaries"]
        found = [one for one in summaries if one["Annotations"]["cold_start"][0]["AnnotationValue"]["BooleanValue"]]
    (trace,) = xray.batch_get_traces(TraceIds=[found[0]["Id"]])["Traces"]
    documents = " ".join(segment["Document"] for segment in trace["Segments"])
    assert [name for name in names if f'"name":"{name}"' not in documents] == []


@pytest.mark.parametrize(
    ("prompt", "printed", "error"),
    [
        ("Why is the sky blue?", "A river begins", ""),
        ("[[sandbox: fault=throttling]] no", '{"error": {"type": "throttled"', "status 429\n"),
        ("[[sandbox: fault=drop:3]] half", "A river begins", "the stream was cut: RequestError\n"),
    ],
)
def test_the_call_from_inside_a_vpc(clone: Clone, tmp_path: Path, prompt: str, printed: str, error: str) -> None:
    (block,) = blocks("python", "src/template")
    (tmp_path / "call.py").write_text(block.text.replace("Why is the sky blue?", prompt))
    name = "FUNCTION_NAME=firstbyte-StreamingFunction"
    done = clone.shell(f'eval "$(scripts/env.sh)"\n{name} .venv/bin/python {tmp_path}/call.py')
    assert done.stdout.startswith(printed)
    assert (done.returncode, done.stderr) == (1 if error else 0, error)


def test_the_handler_that_streams(start_sandbox: StartSandbox, tmp_path: Path) -> None:
    (code,) = blocks("python", ".")
    (resource,) = blocks("yaml", ".")
    (tmp_path / "resource.yaml").write_text(resource.text)
    (name, function), *others = load(tmp_path / "resource.yaml").items()
    assert not others
    layer = load(REPOSITORY / "template.yaml")["Resources"]["StreamingLayer"]
    layer["Properties"]["ContentUri"] = str(REPOSITORY / "src/runtime")
    template = tmp_path / "template.yaml"
    template.write_text(json.dumps({"Resources": {"StreamingLayer": layer, name: function}}))
    folder = tmp_path / function["Properties"]["CodeUri"]
    folder.mkdir()
    (folder / "app.py").write_text(code.text)
    answer = call(start_sandbox("--template", str(template)).ready)
    assert (answer.status, answer.complete, answer.header("content-type")) == (200, True, "text/plain")
    assert [data for _, data in answer.chunks] == [b"three ", b"two ", b"one ", b"liftoff\n"]
    # The handler pauses for half a second after each word. A stream that is held back comes at once.
    assert answer.chunks[-1][0] - answer.chunks[0][0] > 0.3


def test_the_layers_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    for block in blocks("python", "src/runtime"):
        exec(compile(block.text, "src/runtime/README.md", "exec"), names)
    for kind in ("function", "async_function"):
        assert names["run"](names[kind]).text == "text or bytes"
    assert capsys.readouterr().out == "no client waits for this\nover\n"
