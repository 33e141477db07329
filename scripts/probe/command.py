"""The probe's main line: options to a stack, its function to runs, runs to a report, to CloudWatch and an exit code."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from . import cloudwatch, publication
from .curl import require_curl
from .errors import UsageError
from .load import Side, Watcher, measure_all
from .measurement import Run, exit_code
from .options import BUFFERED, Options, parse
from .output import jsonl
from .requests import read_bodies
from .result import Conditions, Result, Series
from .target import Stack, aws_stack, parse_url, sandbox_stack
from .terminal import harmless_line

if TYPE_CHECKING:
    from .analysis.objectives import Objective
    from .analysis.report import Report

WRONG_USE = 2
NOT_PUBLISHED = 5
OBJECTIVE_MISSED = 6
STOPPED = 130
# What a shell reports for a program that a closed pipe ended (128 + SIGPIPE), as in `probe.sh ... | head -1`.
READER_GONE = 141


def main(arguments: list[str]) -> int:
    """Run the probe and return its exit code."""
    # An answer may hold what the terminal's encoding lacks; a question mark is better than no figures.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        options = parse(arguments)
        objectives = _objectives(options)
        if options.saved:
            report = _report(_saved(options), objectives, paired=False)
            _show(report, options)
            return _judged(report)
        return _measure(options, objectives)
    except UsageError as error:
        print(f"probe: {harmless_line(str(error))}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        # Otherwise Python complains once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def _measure(options: Options, objectives: "list[Objective]") -> int:
    stack = _find_stack(options)
    sides = _sides(options, stack)
    for side in sides:
        require_curl(side.target, side.credentials, os.environ)
    if options.publish and not options.dry_run:
        require_curl(stack.cloudwatch, stack.credentials, os.environ)
    bodies = read_bodies(options)
    conditions = Conditions(
        runs=options.runs,
        warm_up=options.warm_up,
        concurrency=options.concurrency,
        reuse=options.reuse,
        think_seconds=options.think_seconds,
        prompts=len(bodies),
        model=options.model,
        max_tokens=options.max_tokens,
    )
    started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    with _watcher(options, conditions, sides) as watcher:
        measured = measure_all(sides, bodies, conditions, options.timeout_seconds, watcher, os.environ)
    series, *others = (
        Series(side.target.url, side.target.region, side.buffered, runs)
        for side, runs in zip(sides, measured, strict=True)
    )
    result = Result(started_at, conditions, series, *others)
    # Lines of JSON are out already, and need none of what makes a report.
    report = None if options.output == "jsonl" and not objectives else _report(result, objectives, paired=True)
    if report:
        _show(report, options)
    published = _publish(series.counted, options, stack) if options.publish else True
    return _worst(result) or (_judged(report) if report else 0) or (0 if published else NOT_PUBLISHED)


def _find_stack(options: Options) -> Stack:
    if options.url is None:
        return sandbox_stack(options.ready_file)
    return aws_stack(options.url, options.region, os.environ)


def _sides(options: Options, stack: Stack) -> list[Side]:
    """What is asked, and what it is compared with."""
    side = Side(stack.function, stack.credentials, buffered=False)
    if options.against is None:
        return [side]
    if options.against == BUFFERED:
        return [side, Side(stack.function, stack.credentials, buffered=True)]
    # A host that does not name its region is in that of the other.
    other = parse_url(options.against, None, {"AWS_REGION": stack.function.region})
    if other.is_local != stack.function.is_local:
        raise UsageError("--against: both must be on this machine or neither, since the same keys sign for both")
    return [side, Side(other, stack.credentials, buffered=False)]


@contextmanager
def _watcher(options: Options, conditions: Conditions, sides: list[Side]) -> Iterator[Watcher]:
    if options.output == "jsonl":
        yield _Lines(sides)
        return
    from . import screen

    with screen.watcher(conditions, len(sides), options.output, os.environ) as watcher:
        yield watcher


class _Lines:
    """Prints each run as a line of JSON when it is over."""

    def __init__(self, sides: list[Side]) -> None:
        self._series = [Series(side.target.url, side.target.region, side.buffered) for side in sides]

    def began(self, side: int, number: int, warm_up: bool) -> None:
        pass

    def text(self, side: int, number: int, text: str) -> None:
        pass

    def ended(self, side: int, run: Run) -> None:
        print(jsonl.line(run, series=self._series[side], against=side > 0), flush=True)


def _objectives(options: Options) -> "list[Objective]":
    if options.slo is None:
        return []
    from .analysis import objectives

    return objectives.parse(options.slo)


def _saved(options: Options) -> Result:
    from .output import saved

    assert options.saved is not None  # the caller has looked
    before, after = (saved.read(path) for path in options.saved)
    return Result(after.started_at, after.conditions, after.series, against=before.series)


def _report(result: Result, objectives: "list[Objective]", *, paired: bool) -> "Report":
    from .analysis.report import build

    return build(result, objectives, paired=paired)


def _show(report: "Report", options: Options) -> None:
    if options.output == "table":
        from . import screen

        screen.show(report)
    elif options.output != "jsonl":
        from .output import render

        # These formats say that they are UTF-8, whatever the terminal is.
        sys.stdout.buffer.write(render(report, options.output).encode(errors="replace"))
    sys.stdout.flush()


def _worst(result: Result) -> int:
    """The exit code of what became of the runs."""
    runs = [run for series in (result.series, result.against) if series for run in series.counted]
    wanted = result.conditions.runs * (2 if result.against else 1)
    return STOPPED if len(runs) < wanted else exit_code([run.outcome for run in runs])


def _judged(report: "Report") -> int:
    return 0 if all(verdict.met for verdict in report.verdicts) else OBJECTIVE_MISSED


def _publish(runs: list[Run], options: Options, stack: Stack) -> bool:
    """Put the runs into CloudWatch or, for a dry run, show what would go there; False if not everything is there."""
    documents = publication.documents(runs, options.service, options.probe)
    if options.dry_run:
        for document in documents:
            print(publication.shown(document), file=sys.stderr)
        return True
    try:
        count = cloudwatch.send(documents, stack.cloudwatch, stack.credentials, os.environ)
    except cloudwatch.PublicationError as error:
        print(f"probe: not everything is published: {harmless_line(str(error))}", file=sys.stderr)
        return False
    labels = f"service={options.service}, probe={options.probe}"
    print(f"published {count} values to {publication.NAMESPACE} as {labels}", file=sys.stderr)
    return True


def _as_interrupt(*_: object) -> None:
    """End curl and report on SIGTERM as on Ctrl-C."""
    raise KeyboardInterrupt
