"""The benchmarks' main line: what is measured, options, a report."""

import argparse
import io
import json
import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError
from rich.console import RenderableType

from bench import peers, probing, report, soak, telemetry
from bench.peers.document import document as peers_document
from bench.peers.machine import described
from bench.peers.names import ABOUT
from bench.peers.page import page
from bench.peers.table import markdown, table
from bench.progress import progress
from bench.sandbox import ROOT
from bench.soak.report import document, tables
from command_line import put
from probe.screen.console import console
from probe.terminal import wants_emphasis

DESCRIPTION = """\
Measure what measuring costs: the function's telemetry, or the probe. The same
requests are made with it and without it in turn. Differences are of medians;
their 95 % interval is a bootstrap over pairs of neighbours.

Or soak the stack: make thousands of requests with every fault mixed in, and
balance the books afterwards.

Or measure it beside its peers: Node.js, FastAPI, and a bare socket in Python.

Standard error says how far it is."""

TELEMETRY = """\
Measure what the function's log lines, metrics and traces cost. The stack runs
in two sandboxes side by side, in one as it is and in the other with telemetry
that does nothing. Requests go to one and the other in turn, each when the
invocation before it is over. The models answer at once: what is measured is
everything else.

cases:
  warm  in an environment that has served some requests
  cold  in a new environment, after the one before it was killed

figures:
  TTFB                request sent to first byte of the body; each request has
                      a new connection, whose opening does not count
  last byte           request sent to end of the response
  Duration in REPORT  of Lambda's REPORT line, which also counts what the
                      function does when the client has its last byte"""

PROBE = """\
Measure what the probe adds to what it measures. The same requests are made
through the probe, with all that it shows on a terminal, and with bare curl,
whose output is read. A server with a clock of its own says what it sent when.

cases:
  five texts       one every 100 ms
  500 texts        without a pause, after 100 ms
  eight at a time  five texts each, one every 100 ms, below a live table

figures:
  TTFT on the wire      connection accepted to first text sent: a client that
                        is slow before its request is out delays it
  TTFT later than sent  how much later than the server sent it the client had
                        the first text, the probe by its own figure
  worst gap off by      of the gaps between two texts, the one that differs
                        most from the gap between sending them"""

SOAK = """\
Run the stack in a sandbox of its own, and make requests with every fault mixed
in at random: models that fail before and in the answer, clients that leave at
any point, read slowly or read nothing, environments that are killed and
stopped, connections to the Runtime API that are dropped, no X-Ray intake,
clocks that jump, and a full disk.

Afterwards the books must balance exactly: what each client saw against the log,
the metrics and the traces. No process, socket or descriptor may be left over,
memory stays within a bound, and the sandbox still answers and ends on SIGTERM."""

_PARTS = "\n".join(f"  {name:9}  {ABOUT[name]}" for name in peers.PARTS)
PEERS = f"""\
Measure this project beside what people use today. The same responses come from
each peer in turn, round by round. One server in front gives invocations out,
and knows when the first and the last byte came.

peers:
  floor         the least that Python can do, without care for errors
  Firstbyte     the layer and the function of this project
  Node.js       AWS's runtime interface client for Node.js
  FastAPI       on uvicorn, asked directly: on Lambda, what the Lambda Web
                Adapter takes comes on top
  awslambdaric  AWS's runtime interface client for Python, which does not
                stream: in the cold start of a bare function alone

parts:
{_PARTS}

Figures are the median of all rounds, with the lowest and the highest round.
The first time, AWS's Node.js client is installed, which takes a minute or two."""

EPILOG = """\
examples:
  scripts/bench.sh telemetry
  scripts/bench.sh telemetry --requests 1000 --cold 0
  scripts/bench.sh probe --output json > bench.json
  scripts/bench.sh soak --seed 7
  scripts/bench.sh peers --page peers.html
  scripts/bench.sh peers --quick --parts layer --output json

exit codes:
  0    everything is measured, and the books balance
  1    a sandbox, server or peer did not start, a response failed, the books do
       not balance, a program is missing, or the result cannot be written
  2    wrong use
  130  stopped with Ctrl-C"""


def main(arguments: list[str]) -> int:
    """Run the benchmark and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if sys.stdout is None:  # said before minutes have gone by
        return put("", "bench")
    try:
        return {"soak": _soak, "peers": _peers}.get(options.subject, _compare)(options)
    except BotoCoreError as error:  # a broken profile, as boto3 reads one whatever it is told
        sys.exit(f"bench: {error}")


def _compare(options: argparse.Namespace) -> int:
    subject: Any = telemetry if options.subject == "telemetry" else probing
    if subject is telemetry:
        requests = {"warm": options.requests, "cold": options.cold}
    else:
        requests = dict.fromkeys(probing.CASES, options.requests)
    with progress(console(sys.stderr, os.environ)) as told:
        results = subject.measure(requests, told)
    if options.output == "json":
        document = {"schema_version": 3, "subject": options.subject, "requests": requests, "results": results}
        return put(json.dumps(document, indent=2), "bench")
    return put(report.table(subject.SIDES, requests, results, wants_emphasis(sys.stdout, os.environ)), "bench")


def _soak(options: argparse.Namespace) -> int:
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    print(f"soak: seed {seed}", file=sys.stderr)
    with progress(console(sys.stderr, os.environ)) as told:
        result = soak.run(options.requests, seed, told)
    text = json.dumps(document(result), indent=2) if options.output == "json" else _drawn(tables(result))
    return put(text, "bench") or (0 if result.balances else 1)


def _peers(options: argparse.Namespace) -> int:
    file: Path | None = options.page
    if file and (file.is_dir() or not os.access(file.absolute().parent, os.W_OK)):  # said before minutes have gone by
        sys.exit(f"bench: {file} cannot be written: it is a folder, or its folder is missing or read-only")
    plan = peers.QUICK if options.quick else peers.FULL
    try:
        with progress(console(sys.stderr, os.environ)) as told:
            samples = peers.measure(options.parts, plan, told)
    except (peers.PeerError, subprocess.SubprocessError, OSError) as error:  # such as a full disk
        sys.exit(f"bench: {error}")
    machine = described(ROOT, plan)
    if options.output == "json":
        text = json.dumps(peers_document(samples, machine, plan), indent=2)
    else:
        text = markdown(samples) if options.output == "markdown" else _drawn(table(samples, machine))
    code = put(text, "bench")
    if file:
        try:
            file.write_text(page(samples, machine), encoding="utf-8")
        except (OSError, LookupError) as error:
            sys.exit(f"bench: {file} cannot be written: {getattr(error, 'strerror', error)}")
    return code


def _drawn(shown: RenderableType) -> str:
    shown_on = console(sys.stdout, os.environ)
    # Not rich's own capture: when it ends, it writes nothing to standard output, which a full disk refuses, too.
    shown_on.file = drawn = io.StringIO()
    shown_on.print(shown)
    return drawn.getvalue().rstrip("\n")


def _parser() -> argparse.ArgumentParser:
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh", description=DESCRIPTION, epilog=EPILOG, formatter_class=form, allow_abbrev=False
    )
    subjects = parser.add_subparsers(dest="subject", metavar="telemetry | probe | soak | peers", required=True)
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
    of_peers = subjects.add_parser("peers", description=PEERS, formatter_class=form, allow_abbrev=False)
    of_peers.add_argument(
        "--parts",
        metavar="PART,...",
        type=_parts,
        default=list(peers.PARTS),
        help=f"of {', '.join(peers.PARTS)} (default: all)",
    )
    of_peers.add_argument("--quick", action="store_true", help="a short form, to see that everything works")
    of_peers.add_argument("--page", metavar="FILE", type=Path, help="also write a page with charts, as HTML")
    for subject in (of_telemetry, of_probe, of_soak):
        subject.add_argument("--output", choices=("table", "json"), default="table", help="default: table")
    of_peers.add_argument("--output", choices=("table", "json", "markdown"), default="table", help="default: table")
    return parser


def _parts(text: str) -> list[str]:
    names = text.split(",")
    if unknown := [name for name in names if name not in peers.PARTS]:
        raise argparse.ArgumentTypeError(f"{unknown[0]!r} is not one of {', '.join(peers.PARTS)}")
    return [name for name in peers.PARTS if name in names]


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
