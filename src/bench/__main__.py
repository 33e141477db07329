"""The benchmarks' main line: what is measured, options, a report."""

import argparse
import json
import os
import secrets
import signal
import sys

from bench import probing, report, soak, telemetry
from bench.soak.progress import progress
from bench.soak.report import document, tables
from probe.screen.console import console
from probe.terminal import wants_emphasis

DESCRIPTION = """\
Measure what measuring costs: the function's telemetry, or the probe. The same requests are made with it and without it
in turn; differences are of medians, and their 95 % interval is a bootstrap over pairs of neighbours.

Or soak the stack: make thousands of requests with every fault mixed in, and balance the books afterwards."""

TELEMETRY = """\
Measure what the function's log lines, metrics and traces cost. The stack runs in two sandboxes side by side, in one as
it is and in the other with telemetry that does nothing. Requests go to one and the other in turn, each when the
invocation before it is over. The models answer at once: what is measured is everything else.

figures:
  TTFB       request sent to first byte of the body; every request has a new connection, whose opening does not count
  last byte  request sent to end of the response
  Duration   that of Lambda's REPORT line, which counts what the function does when the client has its last byte

cases:
  warm       in an environment that has served some requests
  cold       in a new environment, after the one before it was killed"""

PROBE = """\
Measure what the probe adds to what it measures. The same requests are made through the probe, with all that it shows
on a terminal, and with bare curl, whose output is read. A server with a clock of its own says what went out when.

figures:
  TTFT on the wire  connection accepted to first text sent: what the client does before its request is out delays it
  TTFT late by      how much later than the server sent it the client had the first text, the probe by its own figure
  worst gap off by  the gap between two texts that is furthest from the one between sending them

cases:
  paced      5 texts, one every 100 ms
  fast       500 texts without a pause, after 100 ms
  busy       as paced, with 8 requests under way at a time and a live table"""

SOAK = """\
Run the stack in a sandbox of its own, and make requests with every fault mixed in at random: models that fail before
and in the answer, clients that leave at any point, read slowly or read nothing, environments that are killed and
stopped, connections to the Runtime API that are dropped, no X-Ray intake, clocks that jump, and a full disk. Afterwards
the books must balance exactly: what each client saw against the log, the metrics and the traces. No process, socket or
descriptor may be left over, memory stays within a bound, and the sandbox still answers and ends on SIGTERM."""

EPILOG = """\
examples:
  scripts/bench.sh telemetry
  scripts/bench.sh telemetry --requests 1000 --cold 0
  scripts/bench.sh probe --output json > bench.json
  scripts/bench.sh soak --seed 7

exit codes:
  0    everything is measured, and the books balance
  1    a sandbox or server did not start, a response failed, or the books do not balance
  2    wrong use
  130  stopped with Ctrl-C"""


def main(arguments: list[str]) -> int:
    """Run the benchmark and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if options.subject == "soak":
        return _soak(options)
    if options.subject == "telemetry":
        requests = {"warm": options.requests, "cold": options.cold}
        measure = telemetry.measure
    else:
        requests = dict.fromkeys(probing.CASES, options.requests)
        measure = probing.measure
    try:
        results = measure(requests)
    except KeyboardInterrupt:
        return 130
    if options.output == "json":
        document = {"schema_version": 2, "subject": options.subject, "requests": requests, "results": results}
        print(json.dumps(document, indent=2))
    else:
        print(report.table(options.subject, requests, results, wants_emphasis(sys.stdout, os.environ)))
    return 0


def _soak(options: argparse.Namespace) -> int:
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"soak: seed {seed}", file=sys.stderr)
    try:
        with progress(console(sys.stderr, os.environ), options.requests) as told:
            result = soak.run(options.requests, seed, told)
    except KeyboardInterrupt:
        return 130
    if options.output == "json":
        print(json.dumps(document(result), indent=2))
    else:
        console(sys.stdout, os.environ).print(tables(result))
    return 0 if result.balances else 1


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", description=DESCRIPTION, epilog=EPILOG, formatter_class=form, allow_abbrev=False
    )
    subjects = parser.add_subparsers(dest="subject", metavar="telemetry | probe | soak", required=True)
    of_telemetry = subjects.add_parser("telemetry", description=TELEMETRY, formatter_class=form, allow_abbrev=False)
    of_telemetry.add_argument(
        "--requests", metavar="N", type=_count, default=300, help="warm requests to each (default: %(default)s)"
    )
    of_telemetry.add_argument(
        "--cold", metavar="N", type=_count, default=10, help="cold starts of each (default: %(default)s)"
    )
    of_probe = subjects.add_parser("probe", description=PROBE, formatter_class=form, allow_abbrev=False)
    of_probe.add_argument(
        "--requests", metavar="N", type=_count, default=80, help="requests of each case (default: %(default)s)"
    )
    of_soak = subjects.add_parser("soak", description=SOAK, formatter_class=form, allow_abbrev=False)
    of_soak.add_argument(
        "--requests",
        metavar="N",
        type=_requests,
        default=10_000,
        help=f"from {soak.FEWEST} to {soak.MOST} (default: %(default)s)",
    )
    of_soak.add_argument(
        "--seed", metavar="N", type=_count, help="decides what each request does (default: at random, and printed)"
    )
    for subject in (of_telemetry, of_probe, of_soak):
        subject.add_argument("--output", choices=("table", "json"), default="table", help="default: table")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


def _requests(text: str) -> int:
    if not text.isdecimal() or not soak.FEWEST <= int(text) <= soak.MOST:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not from {soak.FEWEST} to {soak.MOST}: of more, the sandbox does not keep all records"
        )
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
