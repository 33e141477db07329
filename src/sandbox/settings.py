"""What the command line asks for, read once into a frozen object."""

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import UsageError
from template.parameters import add_overrides_option, parse_overrides

ROOT = Path(__file__).resolve().parents[2]

_EXAMPLES = """\
examples:
  scripts/sandbox.sh
      the stack of this repository, with scripted models
  scripts/sandbox.sh --model-script "ttft=800 gap=50 chunks=200"
      slow models with long answers (times in milliseconds)
  scripts/sandbox.sh --parameter-overrides TimeoutSeconds=10 MaxOutputTokens=50
      the stack as it would be deployed with these parameters
  scripts/sandbox.sh --template .aws-sam/build/template.yaml --python python3.13
      what `sam build` has built, under the interpreter that it was built for
  ../firstbyte/scripts/sandbox.sh --template app.yaml --python .venv/bin/python
      the functions of a folder of your own
  scripts/sandbox.sh --data .sandbox
      metrics, logs and traces that the next start with the same flag still has
  scripts/sandbox.sh --alarm-minute 1 --model-script "fault=throttling"
      a drill: the alarms count a second as a minute, so five minutes without an
      answer are over in five seconds
  scripts/sandbox.sh --alarm-minute 5 --parameter-overrides ProbeEveryMinutes=1
      the stack with its own probe, which asks every five seconds
  scripts/sandbox.sh --bedrock aws --region us-east-1
      real models, with your AWS credentials: this costs money

exit codes:
  0  stopped, by Ctrl-C or a signal
  1  something is not there: a port, a file, what the template names
  2  wrong use: a flag, a parameter's value, a region that the template refuses
  --demo ends with the exit code of scripts/probe.sh
"""


@dataclass(frozen=True)
class Settings:
    """The command line; `bedrock` is `sandbox`, `aws` or a URL, `python` the path of a program."""

    template: Path
    overrides: Mapping[str, str]
    bedrock: str
    model_script: str
    ready_file: Path
    python: str
    region: str
    data: Path | None
    alarm_minute: int

    @property
    def is_own_stack(self) -> bool:
        """Whether the template is this repository's, as written or as `sam build` leaves it."""
        return self.template.resolve() in (ROOT / "template.yaml", ROOT / ".aws-sam" / "build" / "template.yaml")


def read_settings(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings that these arguments ask for; `--help` and wrong use end the process as argparse does.

    Raises:
        UsageError: the arguments do not fit together.
    """
    given = _parser(environment).parse_args(arguments)
    bedrock = given.bedrock.rstrip("/")
    if bedrock not in ("sandbox", "aws") and not bedrock.startswith(("http://", "https://")):
        raise UsageError(f"--bedrock takes sandbox, aws or a URL, not {given.bedrock!r}")
    if given.model_script and bedrock != "sandbox":
        raise UsageError("--model-script is for the sandbox's own models: it needs --bedrock sandbox")
    if not 1 <= given.alarm_minute <= 60:
        raise UsageError("--alarm-minute must be from 1 to 60 seconds")
    python = shutil.which(given.python)
    if python is None:
        raise UsageError(f"--python {given.python} is no program that can be run")
    return Settings(
        template=given.template,
        overrides=parse_overrides(given.parameter_overrides),
        bedrock=bedrock,
        model_script=given.model_script,
        ready_file=given.ready_file,
        python=os.path.abspath(python),  # noqa: PTH100 - what .venv/bin/python links to is not in the environment
        region=given.region,
        data=given.data,
        alarm_minute=given.alarm_minute,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/sandbox.sh",
        description="Run a SAM template's functions on this machine, with Lambda, their Function\n"
        "URLs, Bedrock, CloudWatch and X-Ray.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or "us-east-1"
    add = parser.add_argument
    add("--template", type=Path, default=ROOT / "template.yaml", help="default: this repository's template.yaml")
    add_overrides_option(parser)
    add("--bedrock", default="sandbox", help="sandbox (scripted models, the default), aws (real ones) or a URL")
    add(
        "--model-script",
        default="",
        metavar="SCRIPT",
        help="how the sandbox's models behave, such as 'ttft=300 gap=20'",
    )
    add(
        "--ready-file",
        type=Path,
        default=ROOT / ".sandbox" / "ready.json",
        metavar="PATH",
        help="where addresses and keys are written once everything answers (default: .sandbox/ready.json)",
    )
    add(
        "--data",
        type=Path,
        metavar="DIRECTORY",
        help="keep telemetry there for the next start (default: in memory)",
    )
    add(
        "--alarm-minute",
        type=int,
        default=60,
        metavar="SECONDS",
        help="how long a minute is for alarms and schedules, 1 to 60: with 1, a period of 300 s is over after 5 "
        "(default: 60)",
    )
    add(
        "--python",
        default=sys.executable,
        metavar="PATH",
        help="the functions' interpreter (default: the sandbox's own)",
    )
    add("--region", default=region, help=f"the stack's region (default: {region}, from AWS_REGION)")
    return parser
