"""The probe's main line: options to a stack, its function to runs, runs to a report, to CloudWatch and an exit code."""

import hashlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from . import cloudwatch, publication
from .curl import require_curl
from .errors import UsageError
from .headers import read_headers
from .load import Side, Watcher, measure_all, utc_now
from .measurement import Run, exit_code
from .options import BUFFERED, Options, parse
from .output import jsonl
from .requests import read_bodies
from .result import ALONE, IN_TURN, Conditions, Result, Series, differing
from .stop import Stop
from .target import Stack, aws_stack, parse_url, sandbox_stack
from .terminal import harmless_line

if TYPE_CHECKING:
    from .analysis.objectives import Objective
    from .analysis.report import Report

WRONG_USE = 2
NOT_KEPT = 5
OBJECTIVE_MISSED = 6
STOPPED = 130
# What a shell reports for a program that a closed pipe ended (128 + SIGPIPE), as in `probe.sh ... | head -1`.
READER_GONE = 141


def main(arguments: list[str]) -> int:
    """Run the probe and return its exit code."""
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        if sys.stdout is None:  # closed by the shell's `>&-`
            raise UsageError("standard output is closed, and that is where the result goes")
        # An answer may hold what the terminal's encoding lacks; a question mark is better than no figures.
        sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
        options = parse(arguments)
        objectives = _objectives(options)
        if options.saved:
            result = _saved(options)
            _require_runs(objectives, result.conditions.runs, f"AFTER has {result.conditions.runs}")
            report = _report(result, objectives, paired=False)
            _show(report, options)
            runs = [run for series in (report.result.series, report.result.against) if series for run in series.counted]
            return exit_code([run.outcome for run in runs]) or _judged(report, options)
        return _measure(options, objectives)
    except UsageError as error:
        print(f"probe: {harmless_line(str(error))}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:
        _forget_output()
        return READER_GONE
    except OSError as error:
        print(f"probe: the result cannot be written: {error.strerror}", file=sys.stderr)
        _forget_output()
        return NOT_KEPT


def _measure(options: Options, objectives: "list[Objective]") -> int:
    _require_runs(objectives, options.runs, f"--runs is {options.runs}")
    stack = _find_stack(options)
    sides = _sides(options, stack)
    targets = [side.target for side in sides if side.credentials]
    if options.publish and not options.dry_run:
        targets.append(stack.cloudwatch)
    require_curl(targets, stack.credentials if targets else None, os.environ)
    bodies = read_bodies(options)
    conditions = _conditions(options, bodies)
    started_at = utc_now()
    unwritten: OSError | None = None
    # Whoever stops the runs is owed a report of them: signals end the runs, and nothing else before it is out.
    with Stop() as stop:
        with _watcher(options, conditions, sides) as watcher:
            measured = measure_all(sides, bodies, conditions, options.timeout_seconds, watcher, os.environ, stop)
        series, *others = (replace(series, runs=runs) for series, runs in zip(_series(sides), measured, strict=True))
        result = Result(started_at, conditions, series, others[0] if others else None, requests=tuple(bodies))
        # Lines of JSON are out already, and need none of what makes a report.
        report = None if options.output == "jsonl" and not objectives else _report(result, objectives, paired=True)
        try:
            if report:
                _show(report, options, in_sandbox=options.url is None)
        except OSError as error:
            unwritten = error
    published = _publish(series.counted, options, stack) if options.publish else True
    if unwritten:
        raise unwritten
    outcomes = [run.outcome for one in (series, *others) for run in one.counted]
    return (
        (STOPPED if len(outcomes) < conditions.runs * len(sides) else exit_code(outcomes))
        or (_judged(report, options) if report else 0)
        or (0 if published else NOT_KEPT)
    )


def _conditions(options: Options, bodies: list[bytes]) -> Conditions:
    return Conditions(
        runs=options.runs,
        warm_up=options.warm_up,
        concurrency=options.concurrency,
        reuse=options.reuse,
        think_seconds=options.think_seconds,
        prompts=len(bodies),
        model=options.model,
        max_tokens=options.max_tokens,
        fingerprint=hashlib.sha256(b"\0".join(bodies)).hexdigest()[:16],
    )


def _series(sides: list[Side]) -> list[Series]:
    """The series of these sides, still without runs."""
    names = IN_TURN if len(sides) > 1 else (ALONE,)
    return [
        Series(name, side.target.url, side.target.region, side.buffered)
        for name, side in zip(names, sides, strict=True)
    ]


def _find_stack(options: Options) -> Stack:
    if options.url is None:
        return sandbox_stack(options.ready_file, options.function)
    publishes = options.publish and not options.dry_run
    return aws_stack(options.url, options.region, os.environ, signed=options.signed, publishes=publishes)


def _sides(options: Options, stack: Stack) -> list[Side]:
    """What is asked, and what it is compared with."""
    credentials = stack.credentials if options.signed else None
    headers = read_headers(options.headers, signed=options.signed)
    side = Side(stack.function, credentials, buffered=False, headers=headers, expected=options.expect)
    if options.against is None:
        return [side]
    if options.against == BUFFERED:
        return [side, replace(side, buffered=True, expected=None)]
    # A host that does not name its region is in that of the other.
    other = parse_url(options.against, None, {"AWS_REGION": stack.function.region or ""}, signed=options.signed)
    if other.is_local != stack.function.is_local:
        raise UsageError("--against: both must be on this machine or neither, since both get the same keys and headers")
    return [side, replace(side, target=other)]


@contextmanager
def _watcher(options: Options, conditions: Conditions, sides: list[Side]) -> Iterator[Watcher]:
    if options.output == "jsonl":
        yield _Lines(sides)
        return
    from . import screen

    with screen.watcher(conditions, len(sides), options.output, os.environ) as watcher:
        yield watcher


class _Lines(Watcher):
    """Prints each run as a line of JSON when it is over."""

    def __init__(self, sides: list[Side]) -> None:
        self._series = _series(sides)

    def ended(self, side: int, run: Run) -> None:
        print(jsonl.line(run, series=self._series[side], against=side > 0), flush=True)


def _objectives(options: Options) -> "list[Objective]":
    if options.slo is None:
        return []
    from .analysis import objectives

    return objectives.parse(options.slo)


def _require_runs(given: "list[Objective]", runs: int, said: str) -> None:
    if given:
        from .analysis import objectives

        objectives.require_runs(given, runs, said)


def _saved(options: Options) -> Result:
    from .output import saved

    assert options.saved is not None  # the caller has looked
    before, after = (saved.read(path) for path in options.saved)
    for difference in (*differing(before.conditions, after.conditions), *_other_formats(before, after)):
        print(f"probe: the two were not made alike: {harmless_line(difference)}", file=sys.stderr)
    return Result(
        after.started_at,
        after.conditions,
        replace(after.series, name="after"),
        against=replace(before.series, name="before"),
        conditions_against=before.conditions,
    )


def _other_formats(before: Result, after: Result) -> list[str]:
    """That the answers had other formats, for people."""
    known = [sorted({run.format for run in each.series.completed if run.format}) for each in (before, after)]
    return (
        [f"the formats were {' and '.join(known[0])}, then {' and '.join(known[1])}"]
        if all(known) and known[0] != known[1]
        else []
    )


def _report(result: Result, objectives: "list[Objective]", *, paired: bool) -> "Report":
    from .analysis.report import build

    return build(result, objectives, paired=paired)


def _show(report: "Report", options: Options, *, in_sandbox: bool = False) -> None:
    if options.output == "table":
        from . import screen

        screen.show(report, in_sandbox=in_sandbox, details=options.details)
    elif options.output != "jsonl":
        from .output import render

        # These formats say that they are UTF-8, whatever the terminal is.
        sys.stdout.buffer.write(render(report, options.output).encode(errors="replace"))
    sys.stdout.flush()


def _judged(report: "Report", options: Options) -> int:
    """The exit code of what became of the objectives; what the standard output does not say for people is said here."""
    for verdict in report.verdicts:
        if not verdict.met and options.output != "table":
            objective = verdict.objective
            said = f"{objective.name}={objective.text}, {verdict.finding}"
            print(f"probe: objective {verdict.word}: {said}", file=sys.stderr)
    return 0 if all(verdict.met for verdict in report.verdicts) else OBJECTIVE_MISSED


def _publish(runs: list[Run], options: Options, stack: Stack) -> bool:
    """Put the runs into CloudWatch or, for a dry run, show what would go there; False if not everything is there."""
    documents = publication.documents(runs, options.service, options.probe)
    if options.dry_run:
        for document in documents:
            print(publication.shown(document), file=sys.stderr)
        return True
    assert stack.credentials is not None  # whoever publishes has some
    try:
        count = cloudwatch.send(documents, stack.cloudwatch, stack.credentials, os.environ)
    except (cloudwatch.PublicationError, KeyboardInterrupt) as error:
        reason = harmless_line(str(error)) or "it was stopped"
        print(f"probe: not everything is published: {reason}", file=sys.stderr)
        return False
    labels = f"service={options.service}, probe={options.probe}"
    print(f"published {count} values to {publication.NAMESPACE} as {labels}", file=sys.stderr)
    return True


def _forget_output() -> None:
    """Keep Python from complaining once more when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _as_interrupt(*_: object) -> None:
    """End curl and report on SIGTERM as on Ctrl-C."""
    raise KeyboardInterrupt
