"""The READMEs as tests use them: their parts, and their commands run as a reader would run them, in a fresh clone."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from deploy.sam_project import checkout
from sandbox_process import START_SECONDS, alive, descendants
from tools import REPOSITORY, put_aws_cli, without_aws

SOURCES = REPOSITORY / "src"
ROOMS = (
    *sorted(f"src/{folder.name}" for folder in SOURCES.iterdir() if any(folder.rglob("*.py"))),
    *("dashboards", "scripts", "tests"),
)
# The text of every README by its folder, the project's own by ".".
READMES = {room: path.read_text() for room in (".", *ROOMS) if (path := REPOSITORY / room / "README.md").exists()}

# The sandbox that all commands are run beside: the one of the stack with its own probe, with quicker models.
SANDBOX = "scripts/sandbox.sh --alarm-minute 5 --parameter-overrides ProbeEveryMinutes=1"
QUICK_MODELS = ["--model-script", "ttft=250 gap=10 chunks=12"]
# Two shells: a sandbox of quick alarms, and what makes them go off.
ALARM_SANDBOX = "scripts/sandbox.sh --alarm-minute 1"
ALARM_FAULT = 'scripts/probe.sh --sandbox --runs 250 --prompt "[[sandbox: fault=unavailable]] no answer today"'

SET_STATE = "aws cloudwatch set-alarm-state --alarm-name firstbyte-page"
PAGER_TEST = (
    f'{SET_STATE} --state-value ALARM --state-reason "pager test"',
    f'{SET_STATE} --state-value OK --state-reason "pager test is over"',
)

# In a folder of one's own; FIRSTBYTE is the path of the clone.
OWN_FUNCTION = '"$FIRSTBYTE"/scripts/sandbox.sh --template ./template.yaml --python ./.venv/bin/python'

# From an empty folder to a function of one's own.
LAYER = (
    "FIRSTBYTE=~/firstbyte",
    'cp -r "$FIRSTBYTE"/src/runtime/example/. .',
    "python3 -m venv .venv",
    '.venv/bin/pip install --quiet pytest "$FIRSTBYTE/src/runtime"',
    ".venv/bin/pytest",
    '"$FIRSTBYTE/scripts/layer.sh"',
    '"$FIRSTBYTE/scripts/sandbox.sh" --template template.yaml',
    "~/firstbyte/scripts/probe.sh --sandbox",
)
# In a copy of the project, with the SAM CLI and the AWS CLI.
DEPLOYMENT = ("sam build", "sam deploy", "sam delete")
AUDITS = (
    ".venv/bin/uv tool run pip-audit==2.10.1 --strict --disable-pip --require-hashes --requirement requirements.lock",
    "(cd src/bench/peers/node && npm audit)",
)
BILLS = (
    "scripts/bom.sh .aws-sam/build/StreamingFunction > function.cdx.json",
    "scripts/bom.sh .aws-sam/build/StreamingLayer > layer.cdx.json",
)
ROLL_BACK = (
    "STACK=firstbyte",
    'NAME=$(aws cloudformation describe-stacks --stack-name "$STACK" --output text \\\n'
    "  --query \"Stacks[0].Outputs[?OutputKey=='FunctionName'].OutputValue\")",
    'LIVE=$(aws lambda get-alias --function-name "$NAME" --name live --query FunctionVersion --output text)',
    'BEFORE=$(aws lambda list-versions-by-function --function-name "$NAME" --output json \\\n'
    "  --query \"max(Versions[?to_number(Version) < to_number('$LIVE')].to_number(Version))\")",
    'aws lambda update-alias --function-name "$NAME" --name live --function-version "$BEFORE"',
)
# Commands that are not run beside the sandbox, and the test that runs them, or why none does.
ELSEWHERE = {
    SANDBOX: "tests/scripts/test_readme.py",
    ALARM_SANDBOX: "tests/scripts/test_readme_alarms.py",
    ALARM_FAULT: "tests/scripts/test_readme_alarms.py",
    OWN_FUNCTION: "tests/scripts/test_readme_own_function.py",
    "scripts/sandbox.sh": "tests/sandbox/test_command_line.py",
    "scripts/console.sh --stack firstbyte --region us-east-1": "tests/scripts/test_console_script.py",
    "scripts/console.sh --sandbox --export .sandbox/pictures": "tests/browser/test_export.py",
    "scripts/test.sh tests/browser/test_open_page.py -s": "a part of scripts/test.sh",
    "scripts/sandbox.sh --demo": "tests/scripts/test_readme.py",
    "scripts/test.sh": "it runs this very test",
    "scripts/bench.sh telemetry": "tests/scripts/test_bench.py",
    "scripts/bench.sh probe": "tests/scripts/test_bench.py",
    "scripts/bench.sh soak": "tests/scripts/test_soak.py",
    "scripts/bench.sh peers --page peers.html": "tests/scripts/test_bench_peers.py",
    **dict.fromkeys(PAGER_TEST, "it needs AWS"),
    "scripts/verify.sh --stack firstbyte --region eu-west-1 > report.md": "it needs AWS",
    "scripts/verify.sh --stack firstbyte > report.md": "it needs AWS",
    "scripts/verify.sh --sandbox": "tests/scripts/test_verify.py",
    "scripts/probe.sh --url https://YOUR-URL-ID.lambda-url.us-east-1.on.aws/": "it needs AWS",
    "scripts/probe.sh --url https://llm.example/v1/chat/completions --unsigned --header @key --prompts chat.jsonl": (
        "tests/scripts/test_probe_any_stream.py"
    ),
    "aws bedrock list-foundation-models --by-output-modality TEXT --by-inference-type ON_DEMAND \\\n  --query "
    "'modelSummaries[?responseStreamingSupported].[modelId]' --output text": "it needs AWS",
    "aws bedrock list-inference-profiles --query 'inferenceProfileSummaries[].[inferenceProfileId]' --output text": (
        "it needs AWS"
    ),
    **dict.fromkeys(LAYER, "tests/scripts/test_readme_layer.py"),
    **dict.fromkeys((*DEPLOYMENT, *ROLL_BACK), "tests/deploy/test_readme_deployment.py"),
    **dict.fromkeys(AUDITS, "it needs the list of known vulnerabilities, which no package registry has to serve"),
    **dict.fromkeys(BILLS, "tests/deploy/test_bom.py"),
    "sam deploy --guided": "tests/deploy/test_deploy_guided.py",
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a README."""

    room: str
    language: str
    text: str

    @property
    def commands(self) -> list[str]:
        """Each command of the block; one that goes over several lines is one."""
        return [line for line in re.split(r"(?<!\\)\n", self.text.rstrip("\n")) if line]


def blocks(language: str, room: str | None = None) -> list[Block]:
    """The blocks in a language (empty for none), of one README or of all."""
    return [
        Block(name, found, text)
        for name, readme in READMES.items()
        if room in (None, name)
        for found, text in re.findall(r"^```(\w*)\n(.*?)^```", readme, re.DOTALL | re.MULTILINE)
        if found == language
    ]


def section(room: str, heading: str) -> str:
    """What stands below a heading, down to the next one of any level."""
    _, _, rest = f"\n{READMES[room]}".partition(f"\n{heading}\n")
    assert rest, f"{room}/README.md has no {heading!r}"
    return re.split(r"^#+ ", rest, maxsplit=1, flags=re.MULTILINE)[0]


def table(room: str, heading: str) -> list[list[str]]:
    """The rows of the first table below a heading, without its head."""
    lines = [line for line in section(room, heading).splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    ends = [number for number, row in enumerate(rows) if set("".join(row)) == {"-"}]
    return rows[ends[0] + 1 : ends[1] - 1 if len(ends) > 1 else None]


def unquoted(cell: str) -> list[str]:
    """The names that stand in backticks in a cell or a text."""
    return re.findall(r"`([^`]+)`", cell)


class Clone:
    """A fresh clone of this project, with the development environment that is here already, and `aws` on its PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = checkout(folder / "clone")
        (self.folder / ".venv").symlink_to(REPOSITORY / ".venv")
        self.ready = self.folder / ".sandbox/ready.json"
        self._programs = folder / "programs"
        self._programs.mkdir()
        put_aws_cli(self._programs)
        # macOS's `date` takes no relative times.
        date = self._programs / "date"
        date.write_text(f"""#!/bin/sh
case "$1" in -*d*) echo "date: illegal option -- d" >&2; exit 1 ;; esac
exec {shutil.which("date")} "$@"
""")
        date.chmod(0o755)
        self._log = folder / "log"

    def shell(self, script: str) -> "subprocess.CompletedProcess[str]":
        """Run a script as a reader would paste it, up to the first command that fails."""
        environment = without_aws()
        environment["PATH"] = f"{self._programs}:{environment['PATH']}"
        environment |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    def log(self) -> str:
        """What the sandbox in the foreground has printed."""
        return self._log.read_text(errors="replace")

    @contextlib.contextmanager
    def in_the_foreground(self, command: str, *flags: str, folder: Path | None = None) -> Iterator[None]:
        """Run a command that starts the sandbox, in the clone or in another folder, and end it with Ctrl-C."""
        arguments = [*shlex.split(command.replace("$FIRSTBYTE", str(self.folder))), *flags]
        with self._log.open("wb") as output:
            process = subprocess.Popen(arguments, cwd=folder or self.folder, stdout=output, stderr=output)
        until = time.monotonic() + START_SECONDS
        while not self.ready.exists():
            assert process.poll() is None, self.log()
            assert time.monotonic() < until, self.log()
            time.sleep(0.05)
        try:
            yield
        finally:
            children = descendants(process.pid)
            process.send_signal(signal.SIGINT)
            code = process.wait(20)
        assert code == 0
        assert not [pid for pid in children if alive(pid)]
        assert not self.ready.exists()
