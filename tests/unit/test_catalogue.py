"""The catalogue against those who make the figures: the function's meter and the probe."""

from emf_document import UNITS
from firstbyte.catalogue import CLIENT_METRICS, METRICS, NAMESPACE
from firstbyte.meter import Figures
from probe import publication


def test_every_figure_of_the_meter_is_a_metric() -> None:
    assert sorted(metric.figure for metric in METRICS) == sorted(Figures._fields)


def test_the_probe_publishes_the_clients_metrics() -> None:
    published = [(metric.name, metric.unit) for metric in publication.METRICS]
    assert published == [(metric.name, metric.unit) for metric in CLIENT_METRICS]
    assert publication.NAMESPACE == NAMESPACE


def test_names_are_used_once_and_units_are_cloudwatchs() -> None:
    metrics = METRICS + CLIENT_METRICS
    assert len({metric.name for metric in metrics}) == len(metrics)
    assert {metric.unit for metric in metrics} <= UNITS
