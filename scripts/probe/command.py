"""The probe's main line: options to a stack, its function to runs, runs to a report, to CloudWatch and an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from . import cloudwatch, publication, report
from .curl import CurlFigures, Transfer, configuration, require_curl
from .errors import UsageError
from .measurement import INTERRUPTED, Run, exit_code, measure
from .observation import Observer
from .options import Options, parse
from .target import Stack, Target, aws_stack, sandbox_stack
from .terminal import harmless, harmless_line, wants_emphasis

WRONG_USE = 2
NOT_PUBLISHED = 5
# What a shell reports for a program that a closed pipe ended (128 + SIGPIPE), as in `probe.sh ... | head -1`.
READER_GONE = 141

_HEADERS = {"Accept": "text/event-stream", "Content-Type": "application/json"}


@dataclass(frozen=True)
class Request:
    """One request, ready to be repeated.

    Attributes:
        target: Where it goes.
        config: curl's configuration, keys included.
        body: The JSON body.
    """

    target: Target
    config: str
    body: bytes


def main(arguments: list[str]) -> int:
    """Run the probe and return its exit code."""
    # An answer may hold what the terminal's encoding lacks; a question mark is better than no figures.
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr]
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        options = parse(arguments)
        stack = _find_stack(options)
        require_curl(stack.function, os.environ)
        runs = _probe(options, _request(options, stack))
        published = _publish(runs, options, stack) if options.publish else True
        return exit_code([run.outcome for run in runs]) or (0 if published else NOT_PUBLISHED)
    except UsageError as error:
        print(f"probe: {harmless_line(str(error))}", file=sys.stderr)
        return WRONG_USE
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Otherwise Python complains once more when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE


def request_body(options: Options) -> bytes:
    """The function's request as JSON in UTF-8.

    Raises:
        UsageError: The prompt or the model id was not valid text in the terminal's encoding.
    """
    fields = {"prompt": options.prompt, "model": options.model, "max_tokens": options.max_tokens}
    try:
        body = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(body, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise UsageError("--prompt or --model holds bytes that are not UTF-8 text") from None


def _find_stack(options: Options) -> Stack:
    if options.url is None:
        return sandbox_stack(options.ready_file)
    return aws_stack(options.url, options.region, os.environ)


def _request(options: Options, stack: Stack) -> Request:
    config = configuration(stack.function, stack.credentials, "lambda", _HEADERS, options.timeout_seconds)
    return Request(stack.function, config, request_body(options))


def _probe(options: Options, request: Request) -> list[Run]:
    """All runs, reported."""
    started_at = _now()
    emphasis = wants_emphasis(sys.stdout, os.environ)
    runs: list[Run] = []
    if options.output == "table" and options.runs > 1:
        print(report.rows_header(emphasis), flush=True)
    while len(runs) < options.runs and (not runs or runs[-1].outcome != INTERRUPTED):
        if options.output == "table" and options.runs == 1:
            runs.append(_run_for_a_person(request, emphasis))
            continue
        runs.append(_run(request))
        if options.output == "table":
            print(report.row(len(runs), runs[-1]), flush=True)
        elif sys.stderr.isatty():
            print(report.progress(len(runs), options.runs, runs[-1]), file=sys.stderr)
    if options.output == "json":
        print(report.document(request.target, started_at, runs))
    elif options.runs > 1:
        print(report.summary(runs, options.runs, emphasis))
    sys.stdout.flush()
    return runs


def _run_for_a_person(request: Request, emphasis: bool) -> Run:
    """One run whose answer appears on standard output while it arrives, with its table below."""
    last = ""

    def show(text: str) -> None:
        nonlocal last
        text = harmless(text)
        sys.stdout.write(text)
        sys.stdout.flush()
        last = text[-1:] or last

    run = _run(request, on_text=show)
    if last:
        print("\n" if last != "\n" else "")
    print(report.single(run, emphasis))
    return run


def _run(request: Request, on_text: Callable[[str], None] | None = None) -> Run:
    started_at = _now()
    observer = Observer()
    figures: CurlFigures | None = None
    try:
        with Transfer(request.config, request.body, os.environ) as transfer:
            for arrival in transfer:
                text = observer.take(arrival)
                if text and on_text:
                    on_text(text)
            figures = transfer.figures
    except KeyboardInterrupt:
        pass  # told apart by the figures that are missing
    uses_tls = request.target.url.startswith("https:")
    return measure(observer.observation, figures, started_at=started_at, uses_tls=uses_tls)


def _publish(runs: list[Run], options: Options, stack: Stack) -> bool:
    """Put the runs into CloudWatch and say on standard error how that went; True if everything is there."""
    values = publication.data(runs, options.service, options.probe)
    try:
        cloudwatch.send(publication.forms(values), stack.cloudwatch, stack.credentials, os.environ)
    except cloudwatch.PublicationError as error:
        print(f"probe: not everything is published: {harmless_line(str(error))}", file=sys.stderr)
        return False
    labels = f"service={options.service}, probe={options.probe}"
    print(f"published {len(values)} values to {publication.NAMESPACE} as {labels}", file=sys.stderr)
    return True


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _as_interrupt(*_: object) -> None:
    """End curl and report on SIGTERM as on Ctrl-C."""
    raise KeyboardInterrupt
