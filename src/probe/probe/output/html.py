"""The report as one page that opens from disk: `page.html` filled in, with charts and the plotly.js that draws them.

The page loads nothing and sends nothing, and its policy lets a browser run no script but the two that it was made with.
"""

import hashlib
from base64 import b64encode
from pathlib import Path

from jinja2 import Environment, StrictUndefined
from plotly.offline import get_plotlyjs

from ..analysis.bursts import warning
from ..analysis.objectives import STATISTICS
from ..analysis.report import Report
from ..figures import TIMES
from ..formats import described
from ..terminal import harmless_line
from .charts import charts
from .named import named_series

_TEMPLATE = Path(__file__).with_name("page.html")

_DRAW = """
for (const data of document.querySelectorAll("script[data-chart]")) {
  const figure = JSON.parse(data.textContent);
  Plotly.newPlot(data.dataset.chart, figure.data, figure.layout, {responsive: true, displaylogo: false});
}
"""


def page(report: Report) -> str:
    """The page. The template escapes every text; in the charts' JSON plotly escapes `<`, so that no tag ends there."""
    scripts = [get_plotlyjs(), _DRAW]
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    environment.filters.update(ms=_milliseconds, line=harmless_line, described=described)
    return environment.from_string(_TEMPLATE.read_text()).render(
        report=report,
        named_series=list(named_series(report)),
        figures=TIMES,
        statistics=STATISTICS,
        bursts=[f"{name}: {said}" for name, series, _ in named_series(report) if (said := warning(series))],
        failures=[(name, run) for name, series, _ in named_series(report) for run in series.failed],
        parts=report.slowest.parts if report.slowest else {},
        charts={name: chart.to_json() for name, chart in charts(report).items()},
        scripts=scripts,
        policy=_policy(scripts),
    )


def _policy(scripts: list[str]) -> str:
    """https://www.w3.org/TR/CSP3/; plotly.js writes styles, and makes a picture out of a chart when it is asked to."""
    hashes = [f"'sha256-{b64encode(hashlib.sha256(script.encode()).digest()).decode()}'" for script in scripts]
    return (
        f"default-src 'none'; script-src {' '.join(hashes)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _milliseconds(value: float | None, sign: bool = False) -> str:
    return "\N{EN DASH}" if value is None else f"{value:+z,.1f}" if sign else f"{value:z,.1f}"
