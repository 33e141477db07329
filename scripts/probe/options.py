"""The command line: its options, their limits, and the help text. Nothing is read or contacted here."""

from __future__ import annotations

import argparse
import math
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError

DESCRIPTION = """\
Ask the function for a streamed answer and time it as a client feels it: DNS, connect, TLS, first byte (TTFB),
first token (TTFT), the longest pause between two pieces of text, and the whole."""

EPILOG = """\
examples:
  scripts/probe.sh --sandbox
  scripts/probe.sh --sandbox --runs 5 --prompt "[[sandbox: ttft=800 gap=50]] hello"
  scripts/probe.sh --url https://abc123.lambda-url.eu-west-1.on.aws/ --model amazon.nova-lite-v1:0
  scripts/probe.sh --url "$URL" --runs 10 --output json > runs.json
  scripts/probe.sh --url "$URL" --runs 10 --publish --probe office

credentials for --url:
  AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with temporary keys, AWS_SESSION_TOKEN; without them whatever
  `aws configure export-credentials` gives, which honours AWS_PROFILE.

output:
  table   for people: one run shows the answer as it arrives and then its figures; several runs a line each and
          their minimum, median and maximum over the completed ones
  json    one document on stdout

publishing:
  With --publish the runs go to CloudWatch, namespace Firstbyte, once they are over: a value for each run in the
  dimension sets [service] and [service, probe], with the time at which the run began.
    ClientTimeToFirstByte, ClientTimeToFirstToken, ClientMaxInterChunkLatency, ClientResponseDuration
                    in milliseconds, of completed runs only: a fast error is no fast answer
    ProbeFailures   0 for a completed run, 1 for every other one
  A run that was stopped with Ctrl-C is left out. The keys need cloudwatch:PutMetricData, which the condition
  StringEquals cloudwatch:namespace=Firstbyte may narrow. The sandbox has a CloudWatch of its own.

exit codes:
  0    every run completed
  1    a response was an HTTP error, or was not an event stream
  2    wrong use: a bad option, no credentials, no sandbox, curl missing or too old
  3    transport error: DNS, refused connection, TLS, timeout
  4    a stream was cut or closed with an error event
  5    every run completed, but not everything could be published
  130  stopped with Ctrl-C; what was measured until then is still reported
  When runs end differently the first of 3, 1, 4, 0 that occurred is the exit code."""

# The stack's name in samconfig.toml, which is the service that the function's own metrics name.
DEFAULT_SERVICE = "firstbyte"
DEFAULT_PROBE = "manual"

DEFAULT_PROMPT = "In three sentences: why is the sky blue?"

# The function's default timeout is 300 s; a client that gives up earlier would call a slow answer a transport error.
DEFAULT_TIMEOUT_SECONDS = 310.0


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        url: The Function URL, or None for the sandbox's.
        ready_file: Where the sandbox says how to reach it, or None for the usual place.
        region: The region to sign for, or None to find it out.
        prompt: The prompt's text.
        model: The model id to ask for, or None for the function's default.
        max_tokens: The answer's limit in tokens, or None for the function's default.
        runs: How many requests, one after the other; at least 1.
        output: "table" or "json".
        timeout_seconds: The longest that one run may take.
        publish: The runs go to CloudWatch.
        service: The dimension `service` of what is published.
        probe: The dimension `probe` of what is published.
    """

    url: str | None
    ready_file: Path | None
    region: str | None
    prompt: str
    model: str | None
    max_tokens: int | None
    runs: int
    output: str
    timeout_seconds: float
    publish: bool
    service: str
    probe: str


def parse(arguments: list[str]) -> Options:
    """Read the command line.

    Raises:
        UsageError: Options contradict each other.
        SystemExit: argparse refused an option (status 2) or printed the help (status 0).
    """
    found = _parser().parse_args(arguments)
    if found.sandbox and found.region:
        raise UsageError("--region goes with --url; the sandbox says its region itself")
    if found.ready_file and not found.sandbox:
        raise UsageError("--ready-file goes with --sandbox")
    if (found.service or found.probe) and not found.publish:
        raise UsageError("--service and --probe say how values are published: they go with --publish")
    return Options(
        url=found.url,
        ready_file=found.ready_file,
        region=found.region,
        prompt=found.prompt,
        model=found.model,
        max_tokens=found.max_tokens,
        runs=found.runs,
        output=found.output,
        timeout_seconds=found.timeout,
        publish=found.publish,
        service=found.service or DEFAULT_SERVICE,
        probe=found.probe or DEFAULT_PROBE,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/probe.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--sandbox", action="store_true", help="probe the sandbox that runs on this machine")
    target.add_argument("--url", metavar="URL", help="probe this Function URL")
    parser.add_argument(
        "--ready-file", metavar="PATH", type=Path, help="the sandbox's ready file (default: .sandbox/ready.json)"
    )
    parser.add_argument(
        "--region",
        metavar="REGION",
        help="region to sign for, when the URL's host does not name it (default: AWS_REGION, AWS_DEFAULT_REGION)",
    )
    parser.add_argument("--prompt", metavar="TEXT", default=DEFAULT_PROMPT, help="the prompt (default: %(default)s)")
    parser.add_argument("--model", metavar="ID", help="the model id to ask for (default: the function's first)")
    parser.add_argument("--max-tokens", metavar="N", type=_positive_int, help="limit of the answer, in tokens")
    parser.add_argument("--runs", metavar="N", type=_positive_int, default=1, help="requests in a row (default: 1)")
    parser.add_argument("--output", choices=("table", "json"), default="table", help="default: table")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_positive_seconds,
        default=DEFAULT_TIMEOUT_SECONDS,
        help="the longest that one run may take (default: %(default)g)",
    )
    parser.add_argument("--publish", action="store_true", help="put the figures into CloudWatch, see below")
    parser.add_argument(
        "--service",
        metavar="NAME",
        type=_dimension_value,
        help=f"whose figures they are, which is the stack's name (default: {DEFAULT_SERVICE})",
    )
    parser.add_argument(
        "--probe",
        metavar="NAME",
        type=_dimension_value,
        help=f"who measured them, such as a place or a schedule (default: {DEFAULT_PROBE})",
    )
    return parser


def _positive_int(text: str) -> int:
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return value


def _positive_seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    # A day: far beyond any function's life, and small enough for every curl's millisecond arithmetic.
    if not (math.isfinite(value) and 0.001 <= value <= 86_400):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between 0.001 and 86400")
    return value


def _dimension_value(text: str) -> str:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
    if not re.fullmatch(r"(?!:)[ -~]{1,1024}", text) or text.isspace():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a dimension's value: 1 to 1024 printable ASCII characters, not all spaces, no colon first"
        )
    return text
