"""The runs for their readers: tables for people, one JSON document for programs. Writes nothing itself."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from dataclasses import asdict

from .measurement import COMPLETED, INTERRUPTED, Run
from .target import Target
from .terminal import bold, harmless_line

SCHEMA_VERSION = 1

_ROW = "{:>4}  {:>10}  {:>10}  {:>10}  {:>10}  {:>9}  {}"


def document(target: Target, started_at: str, runs: Sequence[Run]) -> str:
    """The JSON document; its layout is versioned by `schema_version`."""
    content = {
        "schema_version": SCHEMA_VERSION,
        "url": target.url,
        "region": target.region,
        "started_at": started_at,
        "runs": [{"number": number, **asdict(run)} for number, run in enumerate(runs, 1)],
    }
    return json.dumps(content, indent=2, allow_nan=False)


def single(run: Run, emphasis: bool) -> str:
    """The table of one run."""
    tokens = f"{_number(run.input_tokens)} in, {_number(run.output_tokens)} out"
    rows = [
        ("DNS", _milliseconds(run.dns_ms)),
        ("Connect", _milliseconds(run.connect_ms)),
        ("TLS", _milliseconds(run.tls_ms)),
        ("Headers", _milliseconds(run.ttfb_headers_ms)),
        ("TTFB", _milliseconds(run.ttfb_ms)),
        ("TTFT", _milliseconds(run.ttft_ms)),
        ("Max gap", _milliseconds(run.max_gap_ms)),
        ("Total", _milliseconds(run.total_ms)),
        ("Tokens", tokens),
        ("Outcome", bold(_outcome(run), emphasis)),
        ("Request", harmless_line(run.request_id or "-")),
        ("Trace", harmless_line(run.trace_id or "-")),
    ]
    return "\n".join(f"{bold(f'{label:<9}', emphasis)} {value}" for label, value in rows)


def rows_header(emphasis: bool) -> str:
    """The line above the rows of several runs; times are in milliseconds."""
    return bold(_ROW.format("run", "TTFB ms", "TTFT ms", "max gap ms", "total ms", "tokens", "outcome"), emphasis)


def row(number: int, run: Run) -> str:
    """One of several runs, as a line."""
    times = (_figure(run.ttfb_ms), _figure(run.ttft_ms), _figure(run.max_gap_ms), _figure(run.total_ms))
    return _ROW.format(number, *times, _number(run.output_tokens), _outcome(run))


def summary(runs: Sequence[Run], asked: int, emphasis: bool) -> str:
    """Minimum, median and maximum over the completed runs, and how many there were."""
    completed = [run for run in runs if run.outcome == COMPLETED]
    columns = [
        [value for value in column if value is not None]
        for column in (
            [run.ttfb_ms for run in completed],
            [run.ttft_ms for run in completed],
            [run.max_gap_ms for run in completed],
            [run.total_ms for run in completed],
        )
    ]
    lines = []
    for label, statistic in (("min", min), ("med", statistics.median), ("max", max)):
        figures = [_figure(statistic(column)) if column else "-" for column in columns]
        lines.append(_ROW.format(label, *figures, "", "").rstrip())
    finished = sum(run.outcome != INTERRUPTED for run in runs)
    lines.append(bold(f"{len(completed)} of {finished} runs completed", emphasis))
    if finished < asked:
        lines[-1] += f" ({asked} were asked for)"
    return "\n".join(lines)


def progress(number: int, asked: int, run: Run) -> str:
    """One finished run, for people who wait for the JSON document."""
    return f"run {number} of {asked}: {_outcome(run)}, TTFT {_milliseconds(run.ttft_ms)}"


def _outcome(run: Run) -> str:
    if run.error is None:
        return run.outcome
    status = f" {run.status}" if run.outcome == "http_error" else ""
    return harmless_line(f"{run.outcome}{status}: {run.error.type}: {run.error.message}")


def _milliseconds(value: float | None) -> str:
    return "         -" if value is None else f"{value:>10.1f} ms"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _number(value: int | None) -> str:
    return "-" if value is None else str(value)
