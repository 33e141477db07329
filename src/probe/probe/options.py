"""The command line: its options, their limits, and the help text. Nothing is read or contacted here."""

from __future__ import annotations

import argparse
import math
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .errors import UsageError
from .formats import FORMATS

DESCRIPTION = """\
Ask a function, or any other server, for streamed answers through curl and
time them as a client feels them: DNS, connect, TLS, first byte (TTFB), first
token (TTFT), every gap between two pieces of text, and the whole."""

# No line is longer than 80 characters, which is what most terminals show.
EPILOG = """\
examples:
  scripts/probe.sh --sandbox
  scripts/probe.sh --sandbox --runs 20 --slo ttft_p95=800ms,failures=0%
  scripts/probe.sh --sandbox --runs 10 --against buffered
  scripts/probe.sh --sandbox --runs 40 --concurrency 4 --reuse --think 0.2
  scripts/probe.sh --url "$URL" --runs 20 --output json > before.json
  scripts/probe.sh --compare before.json after.json
  scripts/probe.sh --url "$URL" --runs 10 --publish --probe office
  scripts/probe.sh --url https://llm.example/v1/chat/completions --unsigned \\
    --header @key.txt --prompts chat.jsonl

credentials for --url:
  Requests are signed with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, with
  temporary keys, AWS_SESSION_TOKEN. Without them, the probe uses what
  `aws configure export-credentials` (AWS CLI 2.9 or newer) gives, which
  honours AWS_PROFILE. With --unsigned the probe reads no keys, unless it
  publishes.

headers:
  --header 'NAME: VALUE' adds a header, or takes the place of the probe's own
  Accept or Content-Type. Everyone on this machine can see the command line of
  the probe. So put a secret into a file, one header in a line, and give
  --header @FILE. The probe takes a header whose name has a word for a secret
  (such as key, token, auth, session, jwt or signature, between hyphens), or
  whose value begins with Bearer or Basic, from a file only. It takes no URL
  whose query has a parameter of such a name. /dev/stdin is a file, too:
    printf 'authorization: Bearer %s' "$KEY" |
      scripts/probe.sh --header @/dev/stdin ...
  Signed requests sign these headers. Values from files are masked in the
  messages of servers that send them back. With --against URL both servers get
  them.

prompts:
  The lines of the file of --prompts take turns. In a file *.jsonl each line is
  a JSON object, which is the body of a request: of the function, as
  src/function/README.md has it, or of any other server. --model and
  --max-tokens are added as `model` and `max_tokens` where a line does not have
  them.

formats:
  The probe recognises the format by the content type and the content of the
  answer.
    firstbyte-sse, firstbyte-ndjson
                this function's events or lines; TTFT is the first `delta` with
                text
    openai      chat completions of OpenAI and the servers that speak like it;
                reasoning and tool calls are no text
    anthropic   messages of Anthropic; thinking and the input of tools are no
                text
    text        text/...: each read from curl is a chunk; the network or a proxy
                may have merged what was written
    sse, ndjson other events or lines: each is a chunk. Which of them is a token
                is not known, so there is no TTFT
    json        a document in one piece; no TTFT
    bytes       everything else: each read from curl is a chunk; no TTFT
  With reasoning, thinking or tools there is no TPOT: their tokens are counted,
  and are no text. A stream of firstbyte-sse, firstbyte-ndjson, openai or
  anthropic is whole when its end marker has come, all others when the transfer
  ends properly.
  --expect FORMAT makes every other format an error: use it where a wrong page
  must not pass for an answer.
  The probe asks for no compression. It decodes gzip and deflate, and refuses
  br and others by name.
  A stream counts as cut after 1,000,000 events or lines, or in one that is
  longer than 8 MiB; so does compressed text that is longer than that.

comparing:
  --against takes turns with the target (A B, B A, A B), with the same prompts.
  --compare takes two saved results. The probe shows differences of medians:
  the target minus the other, or AFTER minus BEFORE, each with its 95 %
  interval (a bootstrap, from 6 runs on).
  `buffered` asks the same function for its answer in one piece (Accept:
  application/json).

percentiles:
  A percentile takes so many runs that at least one is expected beyond it: p90
  takes 10, p95 takes 20, p99 takes 100. With fewer it is not shown, and an
  objective of it is refused. For `gap`, gaps count in place of runs.

objectives (--slo):
  STATISTIC is min, p50, p90, p95, p99 or max of all completed runs, cold
  starts among them.
    ttfb_STATISTIC, ttft_, gap_, max_gap_, tpot_, total_, dns_, connect_, tls_,
    headers_    at most so many ms or s
    failures    at most so many % of the runs do not complete
    bursts      at most so many % of the completed runs come in one burst, that
                is, are not really streamed: their text arrives in less than a
                quarter of the time that the function says it wrote for, and
                250 ms sooner; or five pieces and more come at once (less than
                1 ms apart) after a wait of 250 ms. Answers too short or too
                quick to tell do not count.
  An objective is unproven if there is nothing to judge it by, such as fewer
  completed runs than its percentile takes. One of ttft or tpot is unproven,
  too, if any completed run has a format without TTFT, or no text. An objective
  that is unproven is not met.

output:
  table       for people: one run shows the answer as it arrives and then its
              figures; several runs a line each and then what matters, with
              --details everything. The marks of the row `Chunks` stand for
              pieces of text, or for what the format has in their place: the
              higher, the more of them arrived at that time
  json        one document, which the schema in
              src/probe/probe/output/result.schema.json describes
  jsonl       a line of JSON for each run as soon as it is over
  csv         a row for each run
  junit       a test case for each run and each objective
  prometheus  for the textfile collector: histograms in seconds
  html        a page of 1.2 MB that needs nothing else; the prompts are in it

publishing:
  With --publish the runs go to CloudWatch, namespace Firstbyte, once they are
  over: every value, not an average, in the dimension sets [service] and
  [service, probe], at the minute in which the run began.
    ClientTimeToFirstByte, ClientTimeToFirstToken, ClientMaxInterChunkLatency,
    ClientResponseDuration
                    in milliseconds, of completed runs only: a fast error is no
                    fast answer. Figures that a format does not have, such as a
                    first token among bytes, are left out
    ProbeFailures   0 for a completed run, 1 for every other one
  The warm-up and a run that was stopped with Ctrl-C are left out. The keys need
  cloudwatch:PutMetricData, which the condition StringEquals
  cloudwatch:namespace=Firstbyte may narrow. The sandbox has a CloudWatch of its
  own; with --url, AWS_ENDPOINT_URL_CLOUDWATCH and AWS_ENDPOINT_URL name another
  one. --dry-run shows each request on standard error, as
  `aws cloudwatch put-metric-data --cli-input-json` takes it.

exit codes:
  0    every run completed, and every objective was met
  1    a response was an HTTP error or a redirect, or its format or encoding was
       not one that was expected
  2    wrong use: a bad option, an objective that so few runs cannot prove, no
       credentials, no sandbox, curl missing or too old
  3    transport error: DNS, refused connection, TLS, timeout
  4    a stream was cut or closed with an error event
  5    not everything could be written or published
  6    an objective was missed, or is unproven
  130  stopped with Ctrl-C; what was measured until then is still reported
  141  nobody reads standard output any more, as in a pipe to `head`
  When several apply, the first of 130, 3, 1, 4, 6, 5 is the exit code.
  The warm-up does not count."""

# The stack's name in samconfig.toml, which is the service that the function's own metrics name.
DEFAULT_SERVICE = "firstbyte"
DEFAULT_PROBE = "manual"

DEFAULT_PROMPT = "In three sentences: why is the sky blue?"

BUFFERED = "buffered"

OUTPUTS = ("table", "json", "jsonl", "csv", "junit", "prometheus", "html")

# The function's default timeout is 300 s; a client that gives up earlier would call a slow answer a transport error.
DEFAULT_TIMEOUT_SECONDS = 310.0


@dataclass(frozen=True)
class Options:
    """What the user asked for.

    Attributes:
        url: The Function URL, or None for the sandbox's.
        ready_file: Where the sandbox says how to reach it, or None for the usual place.
        region: The region to sign for, or None to find it out.
        function: The logical id of the sandbox's function, or None for its first.
        signed: Requests are signed with AWS keys.
        headers: Headers of one's own as they were given: `NAME: VALUE` or `@FILE`.
        expect: The format that every answer must have, or None for any.
        saved: Two saved results to compare, in place of requests, or None.
        against: A URL to compare with, `BUFFERED`, or None.
        prompt: The prompt's text.
        prompts: A file with a prompt in every line, or None.
        model: The model id to ask for, or None for the function's default.
        max_tokens: The answer's limit in tokens, or None for the function's default.
        runs: How many requests; at least 1.
        warm_up: How many requests come before them and do not count.
        concurrency: How many requests are under way at a time; at least 1.
        reuse: A connection is kept from one run to the next.
        think_seconds: The pause between two runs.
        timeout_seconds: The longest that one run may take.
        slo: The objectives as they were given, or None.
        output: One of `OUTPUTS`.
        details: The table shows everything.
        publish: The runs go to CloudWatch.
        dry_run: What would go there is shown instead.
        service: The dimension `service` of what is published.
        probe: The dimension `probe` of what is published.
    """

    url: str | None
    ready_file: Path | None
    region: str | None
    function: str | None
    signed: bool
    headers: list[str]
    expect: str | None
    saved: tuple[Path, Path] | None
    against: str | None
    prompt: str
    prompts: Path | None
    model: str | None
    max_tokens: int | None
    runs: int
    warm_up: int
    concurrency: int
    reuse: bool
    think_seconds: float
    timeout_seconds: float
    slo: str | None
    output: str
    details: bool
    publish: bool
    dry_run: bool
    service: str
    probe: str


def parse(arguments: list[str]) -> Options:
    """Read the command line.

    Raises:
        UsageError: Options contradict each other.
        SystemExit: argparse refused an option (status 2) or printed the help (status 0).
    """
    found = _parser().parse_args(arguments)
    if found.region and not found.url:
        raise UsageError("--region goes with --url; the sandbox and a saved result say their region themselves")
    if (found.ready_file or found.function) and not found.sandbox:
        raise UsageError("--ready-file and --function go with --sandbox")
    if found.region and found.unsigned and not found.publish:
        raise UsageError("--region is what requests are signed for: --unsigned needs it to publish only")
    if found.prompt is not None and found.prompts:
        raise UsageError("--prompt and --prompts exclude each other: a prompt may be a line of the file")
    if found.against and (found.concurrency or 1) > 1:
        raise UsageError("--against cannot be combined with --concurrency: the two take turns, one request at a time")
    if found.reuse and 0 < (found.warm_up or 0) < (found.concurrency or 1):
        raise UsageError("--warm-up with --reuse must be at least --concurrency: every connection has to be warm")
    if found.details and found.output != "table":
        raise UsageError("--details goes with --output table: the other formats have everything")
    if found.compare and found.output == "jsonl":
        raise UsageError("--output jsonl is made of runs as they end, and --compare makes none")
    if found.publish and found.against:
        raise UsageError("--publish cannot be combined with --against: published values are those of one function")
    if (found.service or found.probe or found.dry_run) and not found.publish:
        raise UsageError("--service, --probe and --dry-run say how values are published: they go with --publish")
    if found.compare:
        values = {option: getattr(found, option.removeprefix("--").replace("-", "_")) for option in _REQUEST_OPTIONS}
        given = [option for option, value in values.items() if value not in (None, False)]
        if given:
            raise UsageError(f"--compare makes no requests: {', '.join(given)} has no meaning with it")
    return Options(
        url=found.url,
        ready_file=found.ready_file,
        region=found.region,
        function=found.function,
        signed=not found.unsigned,
        headers=found.header or [],
        expect=found.expect,
        saved=tuple(found.compare) if found.compare else None,
        against=found.against,
        prompt=DEFAULT_PROMPT if found.prompt is None else found.prompt,
        prompts=found.prompts,
        model=found.model,
        max_tokens=found.max_tokens,
        runs=found.runs or 1,
        warm_up=found.warm_up or 0,
        concurrency=found.concurrency or 1,
        reuse=found.reuse,
        think_seconds=found.think or 0.0,
        timeout_seconds=found.timeout or DEFAULT_TIMEOUT_SECONDS,
        slo=found.slo,
        output=found.output,
        details=found.details,
        publish=found.publish,
        dry_run=found.dry_run,
        service=found.service or DEFAULT_SERVICE,
        probe=found.probe or DEFAULT_PROBE,
    )


# What says how requests are made.
_REQUEST_OPTIONS = (
    *("--against", "--prompt", "--prompts", "--model", "--max-tokens", "--runs", "--warm-up", "--concurrency"),
    *("--reuse", "--think", "--timeout", "--publish", "--unsigned", "--header", "--expect"),
)


class _Help(argparse.Action):
    """Prints the help, and lets an error in that come through: argparse's own action ends with 0 all the same."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        sys.stdout.write(parser.format_help())
        sys.stdout.flush()
        parser.exit()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/probe.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
        add_help=False,
    )
    where = parser.add_argument_group("where").add_mutually_exclusive_group(required=True)
    where.add_argument("--sandbox", action="store_true", help="probe the sandbox that runs on this machine")
    where.add_argument("--url", metavar="URL", help="probe this Function URL, or any other https URL")
    where.add_argument(
        "--compare",
        nargs=2,
        metavar=("BEFORE", "AFTER"),
        type=Path,
        help="make no requests: compare two results that --output json has saved",
    )
    more = parser.add_argument_group("where, in detail")
    more.add_argument(
        "--against",
        metavar="URL|buffered",
        help="compare with another URL, or with the same one answering in one piece: run in turn with it",
    )
    more.add_argument(
        "--ready-file", metavar="PATH", type=Path, help="the sandbox's ready file (default: .sandbox/ready.json)"
    )
    more.add_argument(
        "--region",
        metavar="REGION",
        help="region to sign for, when the URL's host does not name it (default: AWS_REGION, AWS_DEFAULT_REGION)",
    )
    more.add_argument(
        "--function",
        metavar="ID",
        help="logical id of the sandbox's function (default: the template's first with a URL)",
    )
    more.add_argument("--unsigned", action="store_true", help="sign nothing: no AWS keys are needed")
    more.add_argument(
        "--header",
        metavar="HEADER|@FILE",
        action="append",
        help="send this header, or those of a file; secrets must come from a file, see below (repeatable)",
    )
    what = parser.add_argument_group("what is asked")
    what.add_argument("--prompt", metavar="TEXT", help=f"the prompt (default: {DEFAULT_PROMPT})")
    what.add_argument(
        "--prompts",
        metavar="FILE",
        type=Path,
        help="prompts that take turns: one in a line, or in a *.jsonl file a whole request in a line",
    )
    what.add_argument("--model", metavar="ID", help="the model id to ask for (default: the function's first)")
    what.add_argument("--max-tokens", metavar="N", type=_whole(1), help="limit of the answer, in tokens")
    how = parser.add_argument_group("how often")
    how.add_argument("--runs", metavar="N", type=_whole(1), help="requests that are measured (default: 1)")
    how.add_argument(
        "--warm-up", metavar="N", type=_whole(0), help="requests before them that do not count (default: 0)"
    )
    how.add_argument("--concurrency", metavar="N", type=_whole(1), help="requests at a time (default: 1)")
    how.add_argument(
        "--reuse", action="store_true", help="keep the connection from run to run (default: a new one each)"
    )
    how.add_argument("--think", metavar="SECONDS", type=_seconds(0.0), help="pause between two runs (default: 0)")
    how.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_seconds(0.001),
        help=f"the longest that one run may take (default: {DEFAULT_TIMEOUT_SECONDS:g})",
    )
    result = parser.add_argument_group("what becomes of it")
    result.add_argument(
        "--expect", choices=FORMATS, metavar="FORMAT", help="the format that answers must have, see below"
    )
    result.add_argument("--slo", metavar="NAME=LIMIT,...", help="objectives that the runs must meet, see below")
    result.add_argument("--output", choices=OUTPUTS, default="table", help="see below (default: table)")
    result.add_argument("--details", action="store_true", help="with --output table: every figure of several runs")
    result.add_argument("--publish", action="store_true", help="put the figures into CloudWatch, see below")
    result.add_argument("--dry-run", action="store_true", help="with --publish: show what would be sent, send nothing")
    result.add_argument(
        "--service",
        metavar="NAME",
        type=_dimension_value,
        help=f"whose figures they are, which is the stack's name (default: {DEFAULT_SERVICE})",
    )
    result.add_argument(
        "--probe",
        metavar="NAME",
        type=_dimension_value,
        help=f"who measured them, such as a place or a schedule (default: {DEFAULT_PROBE})",
    )
    result.add_argument("-h", "--help", action=_Help, nargs=0, help="show this")
    return parser


def _whole(least: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if value < least:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from {least} up")
        return value

    return read


def _seconds(least: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        # A day: far beyond any function's life, and small enough for every curl's millisecond arithmetic.
        if not least <= value <= 86_400:
            raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds between {least:g} and 86400")
        return value

    return read


def _dimension_value(text: str) -> str:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html
    if not re.fullmatch(r"(?!:)[ -~]{1,1024}", text) or text.isspace():
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a dimension's value: 1 to 1024 printable ASCII characters, not all spaces, no colon first"
        )
    return text
