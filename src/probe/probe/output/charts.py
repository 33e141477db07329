"""The page's charts, as figures of plotly. No text of a server is in them: plotly reads some markup in texts."""

import plotly.graph_objects as go

from ..analysis.phases import arrivals, phases
from ..analysis.report import Report
from ..figures import FIGURES
from ..measurement import COMPLETED, Run
from ..result import Series
from .named import named_series

# Of what was measured, and of what it is compared with.
_COLOURS = ("#1f5fbf", "#c2571a")

# How runs are told apart over time: label, and the marker's symbol.
_COLD, _WARM, _FAILED, _WARM_UP = "cold start", "run", "not completed", "warm-up"
_SYMBOLS = {_WARM: "circle", _COLD: "diamond", _FAILED: "x", _WARM_UP: "circle-open"}


def charts(report: Report) -> dict[str, go.Figure]:
    """The charts that have something to show, by the names that the page calls them by."""
    found = {
        "ttft": _distribution(report, "ttft"),
        "gap": _distribution(report, "gap"),
        "runs": _run_by_run(report),
        "slowest": _waterfall(report.slowest.run if report.slowest else None),
    }
    return {name: chart for name, chart in found.items() if chart.data}


def _distribution(report: Report, figure: str) -> go.Figure:
    """How often which value came, with the median and the 95th percentile of what was measured."""
    chart = _chart(f"{FIGURES[figure].label}, ms", "values", barmode="overlay")
    for colour, (name, series, _) in zip(_COLOURS, named_series(report), strict=False):
        values = FIGURES[figure].pooled(series.completed)
        if values:
            chart.add_histogram(x=values, name=name, marker_color=colour, opacity=0.7, nbinsx=60)
    if figure in report.summary.figures:
        found = report.summary.figures[figure]
        chart.add_vline(found.p50, line_dash="dash", annotation_text="p50")
        if found.p95 is not None:
            chart.add_vline(found.p95, line_dash="dot", annotation_text="p95")
    return chart


def _run_by_run(report: Report) -> go.Figure:
    """Every run's time to the first token, or to its end where it has none; the warm-up stands left of 1."""
    has_tokens = any(run.ttft_ms is not None for _, series, _ in named_series(report) for run in series.runs)
    chart = _chart("run", "TTFT, ms" if has_tokens else "Total, ms")
    for colour, (name, series, _) in zip(_COLOURS, named_series(report), strict=False):
        for kind, symbol in _SYMBOLS.items():
            runs = [run for run in series.runs if _kind(run) == kind]
            if runs:
                chart.add_scatter(
                    x=[_position(run, series) for run in runs],
                    y=[run.ttft_ms if run.ttft_ms is not None else run.total_ms for run in runs],
                    customdata=[[run.started_at, run.outcome] for run in runs],
                    hovertemplate="%{y:.1f} ms, %{customdata[1]}, began %{customdata[0]}",
                    mode="markers",
                    name=f"{kind} ({name})",
                    marker={"symbol": symbol, "size": 9, "color": colour},
                )
    return chart


def _waterfall(run: Run | None) -> go.Figure:
    """The run's phases on one axis, and below them a mark for every chunk."""
    chart = _chart("ms", "", showlegend=False)
    if run is None:
        return chart
    rows = list(phases(run))
    labels = [label for label, _, _ in rows]
    chart.add_bar(
        y=labels,
        base=[begin for _, begin, _ in rows],
        x=[end - begin for _, begin, end in rows],
        text=[f"{end - begin:.1f} ms" for _, begin, end in rows],
        hovertemplate="%{y}: %{text}<extra></extra>",
        orientation="h",
        marker_color=_COLOURS[0],
    )
    if run.first_chunk_ms is not None:
        chunks = arrivals(run)
        labels.append("Chunks")
        chart.add_scatter(
            x=chunks,
            y=["Chunks"] * len(chunks),
            mode="markers",
            marker={"symbol": "line-ns-open", "size": 16, "color": _COLOURS[1]},
            hovertemplate="%{x:.1f} ms<extra></extra>",
        )
    chart.update_yaxes(categoryorder="array", categoryarray=labels[::-1])
    return chart


def _chart(x: str, y: str, **layout: object) -> go.Figure:
    chart = go.Figure()
    margin = {"l": 60, "r": 20, "t": 20, "b": 50}
    chart.update_layout(template="plotly_white", height=320, margin=margin, xaxis_title=x, yaxis_title=y, **layout)
    return chart


def _kind(run: Run) -> str:
    if run.warm_up:
        return _WARM_UP
    if run.outcome != COMPLETED:
        return _FAILED
    return _COLD if run.cold_start else _WARM


def _position(run: Run, series: Series) -> int:
    return run.number - (sum(other.warm_up for other in series.runs) if run.warm_up else 0)
