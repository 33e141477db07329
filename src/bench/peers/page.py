"""The figures as one page that opens from disk, with a chart of every figure and the table below."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from bench.peers.grid import Grid, Row, grids, notes, number, spread
from bench.peers.names import APART, PARTS, case, figure, peer
from bench.peers.sample import Sample
from look.charts import SERIES, Options, base_options, value_axis
from look.one_page import one_page
from look.project import project

_TEMPLATE = Path(__file__).with_name("page.html")
_STYLE = Path(__file__).with_name("page.css")
# What is filled, and bold in the table.
_OWN = ("firstbyte", "streaming")
_ROW_PIXELS = 32
_FRAME_PIXELS = 44
_TITLE = "beside others"


@dataclass(frozen=True)
class Chart:
    """A chart: the id of its element, its title and what stands below that, its height in pixels, ECharts options."""

    id: str
    title: str
    note: str
    height: int
    options: Options


def page(samples: Sequence[Sample], machine: Mapping[str, str]) -> str:
    """Return the page as HTML. Every text is escaped.

    Raises:
        LookupError: the chart library is not where it should be.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(number=number, spread=spread)
    parts = [(grid, list(_charts(grid))) for grid in grids(samples)]
    title = f"{peer(_OWN[0])} {_TITLE}"
    content = environment.from_string(_TEMPLATE.read_text()).render(
        title=title,
        parts=parts,
        part_name=lambda name: PARTS.get(name, name),
        case=case,
        figure=figure,
        peer=peer,
        own=_OWN,
        notes=notes(samples),
        machine=machine,
        project=project(),
    )
    options = {chart.id: chart.options for _, charts in parts for chart in charts}
    return one_page(title, _STYLE.read_text(), Markup(content), options)  # noqa: S704 - autoescape is on


def _charts(grid: Grid) -> Iterator[Chart]:
    """Yield a chart for each figure of the part; cases share one unless they are of different kinds."""
    found: dict[tuple[str, str], list[Row]] = {}
    for row in grid.rows:
        if figure(row.figure).is_less_better is not None:
            found.setdefault((case(row.case) if grid.part in APART else "", row.figure), []).append(row)
    for place, ((of_case, name), rows) in enumerate(found.items()):
        kind = figure(name)
        bars = [(row, each, row.samples[each]) for row in rows for each in grid.peers if each in row.samples]
        thousands = max(sample.high for _, _, sample in bars) >= 10_000
        yield Chart(
            f"chart-{grid.part}-{place}",
            f"{kind.label}, thousands" if thousands else kind.label,
            f"{f'{of_case}; ' if of_case else ''}{'less' if kind.is_less_better else 'more'} is better",
            _FRAME_PIXELS + _ROW_PIXELS * len(bars),
            _bars(bars, 1000 if thousands else 1),
        )


def _bars(bars: Sequence[tuple[Row, str, Sample]], unit: float) -> Options:
    """Return a chart with a bar for each median, a line from the lowest to the highest round, and a dot for each.

    Args:
        bars: rows, peers and what they have, from top to bottom.
        unit: what a 1 on the axis stands for.
    """
    cases_differ = len({row.case for row, _, _ in bars}) > 1
    labels = [f"{peer(name)}, {case(row.case)}" if cases_differ else peer(name) for row, name, _ in bars]
    # In two lines: on a phone, there is more room below than beside.
    sides = [label.replace(", ", "\n", 1) for label in labels]
    chart = base_options()
    chart["tooltip"] |= {"trigger": "item", "formatter": "{b}"}
    chart["grid"] |= {"top": 4, "bottom": 4, "right": 12}
    chart["legend"] = {"show": False}
    chart["xAxis"] = {**value_axis(), "min": 0, "splitNumber": 3}
    style = {"axisTick": {"show": False}, "axisLine": {"lineStyle": value_axis()["splitLine"]["lineStyle"]}}
    side = {
        "type": "category",
        "inverse": True,
        "axisLabel": value_axis()["axisLabel"] | {"interval": 0, "lineHeight": 14},
        **style,
    }
    medians = [number(sample.median) for _, _, sample in bars]
    chart["yAxis"] = [
        {**side, "data": sides},
        {**side, "data": medians, "position": "right", "axisLine": {"show": False}},
    ]
    chart["series"] = [
        {
            "type": "bar",
            "barCategoryGap": "45%",
            "data": [
                {"name": _said(label, sample), "value": sample.median / unit, "itemStyle": _style(name)}
                for label, (_, name, sample) in zip(labels, bars, strict=True)
            ],
            "markLine": {
                "silent": True,
                "symbol": "none",
                "label": {"show": False},
                "lineStyle": {"type": "solid", "width": 1.5, "color": SERIES[6]},
                "data": [
                    [{"coord": [sample.low / unit, place]}, {"coord": [sample.high / unit, place]}]
                    for place, (_, _, sample) in enumerate(bars)
                ],
            },
        },
        {
            "type": "scatter",
            "symbol": "circle",
            "symbolSize": 5,
            "itemStyle": {"color": SERIES[6]},
            "data": [
                {"name": f"{label}, round {round_}: {number(value)}", "value": [value / unit, place]}
                for place, (label, (_, _, sample)) in enumerate(zip(labels, bars, strict=True))
                for round_, value in enumerate(sample.values, 1)
            ],
        },
    ]
    return chart


def _said(label: str, sample: Sample) -> str:
    return f"{label}: {number(sample.median)} ({spread(sample)})"


def _style(name: str) -> dict[str, Any]:
    """Return the look of a bar: the project's own is filled, the others are outlines."""
    if name in _OWN:
        return {"color": SERIES[0], "opacity": 0.75}
    return {"color": "transparent", "borderColor": SERIES[6], "borderWidth": 1}
