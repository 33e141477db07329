"""The report as Prometheus text, for the node exporter's textfile collector.

Every call of the probe replaces the file, so that nothing in it adds up over calls: counts are gauges, and a histogram
holds the last call alone (use `histogram_quantile` without `rate`). Times are seconds, the base unit there.
https://prometheus.io/docs/practices/naming/#base-units
"""

from datetime import datetime

from prometheus_client import CollectorRegistry, Gauge, Histogram, disable_created_metrics, generate_latest

from ..analysis.report import Report
from ..figures import FIGURES, TIMES
from ..measurement import INTERRUPTED
from ..result import Series
from .named import named_series

_SERIES = ("series", "url", "buffered")

# From the gap between two tokens to the function's default timeout.
_BUCKETS_SECONDS = (
    *(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0),
)
# In tokens a second, from a large model under load to a small one alone.
_BUCKETS_OF_SPEED = (1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0)


def metrics(report: Report) -> str:
    """The text. The warm-up and runs that were stopped are in none of the metrics."""
    # A histogram's time of creation would be that of this call.
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    _add_counts(report, registry)
    _add_histograms(report, registry)
    _add_verdicts(report, registry)
    _add_differences(report, registry)
    return generate_latest(registry).decode()


def _add_counts(report: Report, registry: CollectorRegistry) -> None:
    runs = _gauge(registry, "runs", "Runs that came to their end, by outcome", *_SERIES, "outcome")
    cold_starts = _gauge(registry, "cold_starts", "Runs that started an execution environment", *_SERIES)
    formats = _gauge(registry, "formats", "Completed runs, by the format of the answer", *_SERIES, "format")
    bursts = _gauge(registry, "bursts", "Completed runs whose answer came in one burst", *_SERIES)
    last = _gauge(registry, "last_run_timestamp_seconds", "When the last run began, in Unix time", *_SERIES)
    for name, series, summary in named_series(report):
        labels = _labels(name, series)
        for outcome, count in summary.outcomes.items():
            runs.labels(*labels, outcome).set(count)
        for name_of_format, count in summary.formats.items():
            formats.labels(*labels, name_of_format).set(count)
        cold_starts.labels(*labels).set(summary.cold_starts)
        bursts.labels(*labels).set(summary.bursts)
        began = [run.started_at for run in series.counted if run.outcome != INTERRUPTED]
        if began:
            last.labels(*labels).set(datetime.fromisoformat(max(began)).timestamp())


def _add_histograms(report: Report, registry: CollectorRegistry) -> None:
    for figure_name, figure in FIGURES.items():
        is_time = figure_name in TIMES
        metric = f"firstbyte_probe_{figure_name}{'_seconds' if is_time else ''}"
        buckets, scale = (_BUCKETS_SECONDS, 1000) if is_time else (_BUCKETS_OF_SPEED, 1)
        meaning = f"{figure.label} of completed runs"
        histogram = Histogram(metric, meaning, _SERIES, buckets=buckets, registry=registry)
        for name, series, _ in named_series(report):
            values = figure.pooled(series.completed)
            if values:
                of_series = histogram.labels(*_labels(name, series))
                for value in values:
                    of_series.observe(value / scale)


def _add_verdicts(report: Report, registry: CollectorRegistry) -> None:
    met = _gauge(registry, "objective_met", "1 if the objective was met, else 0", "objective", "limit")
    for verdict in report.verdicts:
        met.labels(verdict.objective.name, verdict.objective.text).set(verdict.met)


def _add_differences(report: Report, registry: CollectorRegistry) -> None:
    difference = _gauge(registry, "difference_seconds", "Median of the first series minus that of the other", "figure")
    low = _gauge(registry, "difference_low_seconds", "Lower end of its 95 % interval", "figure")
    high = _gauge(registry, "difference_high_seconds", "Upper end of its 95 % interval", "figure")
    for name, found in report.differences.items():
        for gauge, value in ((difference, found.median), (low, found.low), (high, found.high)):
            if value is not None:
                gauge.labels(name).set(value / 1000 + 0.0)


def _labels(name: str, series: Series) -> tuple[str, str, str]:
    return name, series.url, str(series.buffered).lower()


def _gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"firstbyte_probe_{name}", meaning, labels, registry=registry)
