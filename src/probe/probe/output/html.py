"""The report as one page that opens from disk: `page.html` and `page.css` filled in, in the look of the console."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from look.one_page import one_page
from look.project import project

from ..analysis.bursts import warning
from ..analysis.objectives import STATISTICS
from ..analysis.report import Report
from ..analysis.summary import Summary
from ..figures import FIGURES
from ..formats import described
from ..json_object import parse_object
from ..result import Conditions, Series, differing
from ..screen.comparison import headline
from ..screen.words import outcome as outcome_of
from ..terminal import harmless, harmless_line
from .charts import charts, run_by_run_figure
from .named import named_series

_TEMPLATE = Path(__file__).with_name("page.html")
_STYLE = Path(__file__).with_name("page.css")

# A column that more people look for comes first: a phone shows three.
_COLUMNS = sorted(STATISTICS, key=("p50", "p90", "p95", "p99", "max", "min").index)

# A page is to be read: of more prompts, and of longer ones, the beginning is enough.
_MOST_PROMPTS, _PROMPT_LENGTH = 20, 2_000


def page(report: Report) -> str:
    """The page. The template escapes every text, and no text of a server is in the charts."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(ms=_milliseconds, line=harmless_line, described=described)
    result, difference = report.result, report.differences.get("ttft")
    against = result.against
    failures = [(name, run) for name, series, _ in named_series(report) for run in series.failed]
    missed = [verdict for verdict in report.verdicts if not verdict.met]
    drawn = charts(report)
    said = outcome(report)
    content = environment.from_string(_TEMPLATE.read_text()).render(
        outcome=said,
        is_good=not failures and not missed and not any(_unfinished(*side[1:]) for side in _sides(report)),
        headline=headline(difference, result.series, against) if difference and against else "",
        report=report,
        named_series=list(named_series(report)),
        figures=FIGURES,
        columns=_columns,
        bursts=[
            f"{name}: {told}" if against else told
            for name, series, _ in named_series(report)
            if (told := warning(series))
        ],
        unlike=differing(result.conditions_against, result.conditions) if result.conditions_against else [],
        failures=failures,
        parts=report.slowest.parts if report.slowest else {},
        charts=drawn,
        run_by_run=FIGURES[run_by_run_figure(report)].label,
        project=project(),
        prompts=_prompts(result.requests),
        models=sorted({run.model for _, series, _ in named_series(report) for run in series.runs if run.model}),
    )
    options = {f"chart-{name}": chart for name, chart in drawn.items()}
    return one_page(f"Probe: {said}", _STYLE.read_text(), Markup(content), options)  # noqa: S704 - autoescape is on


def outcome(report: Report) -> str:
    """What happened, in a sentence: runs that completed and objectives that were missed."""
    compared = report.result.against is not None
    completed = [_completed(*side, compared=compared) for side in _sides(report)]
    said = ", ".join(completed)
    words = Counter(verdict.word for verdict in report.verdicts)
    count = len(report.verdicts)
    bad = [f"{words[word]} {word}" for word in ("missed", "unproven") if words[word]]
    if bad:
        first, *others = bad
        return f"{said}; {first.replace(' ', f' of {_objectives(count)} ')}{''.join(f', {other}' for other in others)}"
    return f"{said}; {'all ' if count > 1 else ''}{_objectives(count)} met" if count else said


def _sides(report: Report) -> Iterator[tuple[Series, Summary, Conditions]]:
    conditions = report.result.conditions
    for series, summary, made in (
        (report.result.series, report.summary, conditions),
        (report.result.against, report.against, report.result.conditions_against or conditions),
    ):
        if series and summary:
            yield series, summary, made


def _completed(series: Series, summary: Summary, conditions: Conditions, *, compared: bool) -> str:
    runs = f"{summary.completed} of {summary.finished} runs completed"
    if conditions.runs == summary.finished == 1:
        runs = "the run completed" if summary.completed else f"the run failed: {outcome_of(series.failed[0])}"
    if _unfinished(summary, conditions):
        runs += f" ({conditions.runs} were asked for)"
    return f"{series.name}: {runs}" if compared else runs[0].upper() + runs[1:]


def _unfinished(summary: Summary, conditions: Conditions) -> bool:
    return summary.finished < conditions.runs


def _columns(summary: Summary) -> list[str]:
    """The statistics that tell more than a single value, which stands in the first column."""
    found = [distribution for distribution in summary.figures.values() if distribution.count > 1]
    return ["p50", *(name for name in _COLUMNS[1:] if any(getattr(each, name) is not None for each in found))]


def _objectives(count: int) -> str:
    return f"{count} objective" if count == 1 else f"{count} objectives"


def _prompts(requests: "tuple[bytes, ...]") -> list[str]:
    """What was asked, for people; one line more says how many are left out."""
    told = [_shortened(harmless(text)) for text in map(_prompt, requests[:_MOST_PROMPTS])]
    more = len(requests) - len(told)
    return [*told, f"and {more} more"] if more else told


def _prompt(request: bytes) -> str:
    """The prompt of a request in the function's contract, or the last message; else all of it."""
    fields = parse_object(request) or {}
    if isinstance(fields.get("prompt"), str):
        return str(fields["prompt"])
    contents = list(_contents(fields.get("messages")))
    return contents[-1] if contents else request.decode(errors="replace")


def _contents(messages: object) -> Iterator[str]:
    for message in messages if isinstance(messages, list) else []:
        content = message.get("content") if isinstance(message, dict) else None
        if content:
            yield content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _shortened(text: str) -> str:
    return text if len(text) <= _PROMPT_LENGTH else f"{text[:_PROMPT_LENGTH]}\N{HORIZONTAL ELLIPSIS}"


def _milliseconds(value: float | None, sign: bool = False) -> str:
    if value is None:
        return "\N{EN DASH}"
    rounded = round(value, 1) + 0.0  # no -0.0
    return f"{rounded:+,.1f}" if sign and rounded else f"{rounded:,.1f}"
