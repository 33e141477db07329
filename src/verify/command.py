"""The main line: options to a stack, its checks to a report and an exit code."""

import argparse
import math
import os
import signal
import sys
from pathlib import Path

from command_line import put
from probe.curl import require_curl
from probe.errors import UsageError
from probe.load import utc_now
from probe.terminal import harmless_line
from verify import checks
from verify.access import PERMISSIONS, VerifyError, aws_access, sandbox_access
from verify.deployed import read_deployed
from verify.masking import masked
from verify.report import Report, tools, version

WRONG_USE = 2
# The sandbox gives its stack the name that samconfig.toml has.
_SANDBOX_STACK = "firstbyte"

DESCRIPTION = """\
Check a deployed stack against what this project claims and could not try
without an AWS account. It deploys nothing and changes nothing: it reads the
stack, sends a few requests, and looks for what was recorded of them. The report
is Markdown, without account ids, URL ids, keys and e-mail addresses, so that
you can attach it to an issue."""

_PERMISSIONS = "\n  ".join(PERMISSIONS)
EPILOG = f"""\
examples:
  scripts/verify.sh --stack firstbyte --region eu-west-1 > report.md
  AWS_PROFILE=dev scripts/verify.sh --stack firstbyte --output json
  scripts/verify.sh --sandbox

cost:
  Some ten requests for about 32 tokens each, and a few reads of CloudWatch:
  less than a cent with Nova Lite, a few cents with a large model. With
  TimeoutSeconds at 30 or less, two long answers run into the function's
  timeout.

permissions:
  {_PERMISSIONS}

exit codes:
  0    nothing failed
  1    a check failed, something was not seen in time, or the report cannot be
       written
  2    wrong use: no keys, no such stack, no permission to read it, no sandbox,
       curl missing or too old
  130  stopped with Ctrl-C"""


def main(arguments: list[str]) -> int:
    """Check a stack, print the report and return the exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if (options.ready_file and not options.sandbox) or (options.region and options.sandbox):
            raise UsageError("--ready-file goes with --sandbox, --region with --stack")
        access = sandbox_access(options.ready_file) if options.sandbox else aws_access(options.region)
        deployed = read_deployed(access, options.stack or _SANDBOX_STACK)
        require_curl([deployed.function_url], access.credentials, os.environ)
        date = utc_now()
        findings = checks.run(deployed, options.wait, _say)
        report = Report(date, version(), tools(os.environ), deployed, findings)
    except (UsageError, VerifyError) as error:
        _say(str(error))
        return WRONG_USE
    unwritten = put(report.json() if options.output == "json" else report.markdown(), "verify")
    return unwritten or (1 if any(finding.is_bad for finding in findings) else 0)


def _say(text: str) -> None:
    print(f"verify: {masked(harmless_line(text))}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/verify.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--stack", metavar="NAME", help="the stack's name, `firstbyte` in samconfig.toml")
    where.add_argument("--sandbox", action="store_true", help="the stack that runs in the sandbox on this machine")
    add("--region", metavar="REGION", help="the stack's region (default: AWS_REGION, AWS_DEFAULT_REGION, your profile)")
    add("--ready-file", metavar="PATH", type=Path, help="the sandbox's ready file (default: .sandbox/ready.json)")
    add(
        "--wait",
        metavar="SECONDS",
        type=_seconds,
        default=300.0,
        help="how long to wait for log lines, metrics and traces (default: 300)",
    )
    add("--output", choices=("markdown", "json"), default="markdown", help="default: markdown")
    return parser


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0 to 3600")
    return value
