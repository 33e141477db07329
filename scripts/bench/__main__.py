"""The benchmark's main line: options, two sandboxes side by side, requests to one and the other in turn, a report."""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench import report
from bench.client import Client
from bench.stacks import ROOT, running, without_telemetry
from probe.terminal import wants_emphasis

DESCRIPTION = """\
Measure what the function's telemetry costs: its log lines, metrics and traces. The stack runs in two sandboxes side by
side, in one as it is and in the other with telemetry that does nothing. Requests go to one and the other in turn, each
when the invocation before it is over. The models answer at once: what is measured is everything else."""

EPILOG = """\
figures:
  TTFB       request sent to first byte of the body; every request has a new connection, whose opening does not count
  last byte  request sent to end of the response
  Duration   that of Lambda's REPORT line, which counts what the function does when the client has its last byte
  Differences are of medians; their 95 % interval is a bootstrap over pairs of neighbours.

starts:
  warm       in an environment that has served some requests
  cold       in a new environment, after the one before it was killed

examples:
  scripts/bench.sh
  scripts/bench.sh --requests 1000 --cold 0
  scripts/bench.sh --output json > bench.json

exit codes:
  0    everything is measured
  1    a sandbox did not start, or a response failed
  2    wrong use
  130  stopped with Ctrl-C"""

# Among these is the copy's first cold start, which compiles its modules.
WARM_UP = 20


def main(arguments: list[str]) -> int:
    """Run the benchmark and return its exit code."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    requests = {"warm": options.requests, "cold": options.cold}
    try:
        results = _results(requests)
    except KeyboardInterrupt:
        return 130
    if options.output == "json":
        print(json.dumps({"schema_version": 1, "requests": requests, "results": results}, indent=2))
    else:
        print(report.table(requests, results, wants_emphasis(sys.stdout, os.environ)))
    return 0


def _results(requests: dict[str, int]) -> list[dict[str, Any]]:
    with contextlib.ExitStack() as stack:
        print("starting two sandboxes", file=sys.stderr)
        first, second = (Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-"))) for _ in range(2))
        sandboxes = (
            stack.enter_context(running(ROOT / "template.yaml", first)),
            stack.enter_context(running(without_telemetry(second), second)),
        )
        clients = [Client(sandbox.ready) for sandbox in sandboxes]
        results = []
        for start, count in {"warm-up": WARM_UP, **requests}.items():
            print(f"{start}: {count} requests to each", file=sys.stderr)
            samples: tuple[list[dict[str, float]], ...] = ([], [])
            for number in range(count):
                for side in (0, 1) if number % 2 == 0 else (1, 0):  # neither is always the first of a pair
                    if start == "cold":
                        sandboxes[side].kill_environments()
                    samples[side].append(clients[side].sample())
            for figure in report.FIGURES if requests.get(start) else ():
                values = [[sample[figure] for sample in side] for side in samples]
                results.append({"start": start, "figure": figure, **report.compare(*values)})
        return results


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench.sh",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--requests", metavar="N", type=_count, default=300, help="warm requests to each (default: %(default)s)")
    add("--cold", metavar="N", type=_count, default=10, help="cold starts of each (default: %(default)s)")
    add("--output", choices=("table", "json"), default="table", help="default: table")
    return parser


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 up")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
