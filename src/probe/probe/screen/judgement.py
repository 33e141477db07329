"""What needs attention: answers that came in one burst, runs that failed, objectives, and how many runs completed."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from ..analysis.bursts import warning
from ..analysis.objectives import Verdict
from ..analysis.summary import Summary
from ..formats import described
from ..result import Conditions, Series
from ..terminal import harmless_line
from . import words


def bursts(series: Series, side: str) -> Iterator[RenderableType]:
    """A warning when answers of this side came in one burst."""
    if said := warning(series):
        yield Text(words.titled(side, said), style="yellow")


def failures(series: Series, side: str) -> Iterator[RenderableType]:
    """The failed runs of this side by what they failed of: how many, and one message."""
    messages: dict[tuple[str, str], list[str]] = {}
    for run in series.failed:
        assert run.error is not None
        messages.setdefault((words.outcome(run), run.error.type), []).append(run.error.message)
    if messages:
        table = Table(words.titled(side, "failed"), "outcome", "type", "message", box=None, pad_edge=False)
        table.columns[0].justify = "right"
        for column in table.columns:
            column.overflow = "fold"
        for (outcome, kind), said in sorted(messages.items(), key=lambda item: -len(item[1])):
            table.add_row(str(len(said)), outcome, harmless_line(kind), harmless_line(said[0]))
        yield table


def objectives(verdicts: Sequence[Verdict]) -> Iterator[RenderableType]:
    """A row for each objective."""
    if verdicts:
        table = Table("objective", "limit", "", "value", box=None, pad_edge=False)
        for verdict in verdicts:
            table.add_row(
                verdict.objective.name,
                verdict.objective.text,
                Text(verdict.word, style="green" if verdict.met else "bold red"),
                verdict.missing
                if verdict.value is None
                else f"{verdict.value:z.3f}".rstrip("0").rstrip(".") + f" {verdict.objective.unit}",
            )
        yield table


def completed(summary: Summary, conditions: Conditions, side: str) -> RenderableType:
    """How many runs of this side completed, of how many; the warm-up, the cold starts and the formats."""
    said = words.titled(side, f"{summary.completed} of {summary.finished} runs completed")
    more = f" ({conditions.runs} were asked for)" if summary.finished < conditions.runs else ""
    before = f", after {conditions.warm_up} to warm up that do not count" if conditions.warm_up else ""
    cold = f", {summary.cold_starts} cold start{'s' * (summary.cold_starts != 1)}" if summary.cold_starts else ""
    formats = f", {' and '.join(map(described, summary.formats))}" if summary.formats else ""
    is_whole = summary.completed == summary.finished == conditions.runs
    return Text.assemble((said, "bold green" if is_whole else "bold red"), more, before, cold, formats)
