"""Every figure has one name and one label, whichever output has it: all are held to the table in figures.py."""

import csv
import io
import json
import re
from dataclasses import fields

import pytest
from junitparser import JUnitXml
from prometheus_client.parser import text_string_to_metric_families

from probe.analysis.objectives import STATISTICS, parse
from probe.figures import FIGURES, TIMES
from probe.measurement import Run
from probe.options import EPILOG
from probe.output import render
from probe.screen import show
from probe.screen.rows import HEADER
from probe_reports import a_report
from probe_runs import a_run, a_series
from readme import table, unquoted

# A hundred runs carry every percentile.
RUNS = [a_run(number=number) for number in range(1, 101)]
COMPARISON = a_report(*RUNS, against=a_series(*RUNS))
FIELDS = [figure.field for figure in FIGURES.values()]

# What a run has besides figures, and stands beside them on the screen.
FACTS = {"Outcome", "Format", "Trace", "Tokens", "Start", "Chunks"}
PARTS = {"Network (estimate)", "Lambda (estimate)", "Bedrock", "Rest of the answer"}


def test_the_readmes_table_is_that_of_the_code() -> None:
    rows = [(row[0], *(unquoted(cell)[0] for cell in row[1:3])) for row in table("src/probe", "## Figures")]
    assert rows == [(figure.label, name, figure.field) for name, figure in FIGURES.items()]


def test_a_field_is_the_name_and_its_unit() -> None:
    assert {figure.field for figure in FIGURES.values()} <= {field.name for field in fields(Run)}
    for name, figure in FIGURES.items():
        assert figure.field == {"gap": "gaps_ms"}.get(name, f"{name}_ms" if name in TIMES else name)
    others = {field.name for field in fields(Run) if field.name.endswith("_ms")} - set(FIELDS)
    assert others == {"first_chunk_ms"}, "where gaps begin; TTFT where that is a text"


def test_json_and_csv_have_the_fields_and_summaries_the_names() -> None:
    document = json.loads(render(COMPARISON, "json"))
    assert set(FIELDS) <= set(document["runs"][0])
    assert list(document["summary"]["figures"]) == list(FIGURES)
    assert list(document["differences"]) == list(TIMES)
    header = next(csv.reader(io.StringIO(render(COMPARISON, "csv"))))
    assert set(FIELDS) - set(header) == {"gaps_ms"}, "a cell has no room for all gaps"


def test_junit_and_prometheus_have_the_names() -> None:
    measured, _ = JUnitXml.fromstring(render(COMPARISON, "junit").encode())
    found = {each.name for each in measured.properties()}  # type: ignore[no-untyped-call]
    expected = {
        f"{name}_{statistic}{'_ms' if name in TIMES else ''}" for name in FIGURES for statistic in STATISTICS
    } | {f"{name}_difference_p50_ms" for name in TIMES}
    assert expected <= found
    families = {family.name: family for family in text_string_to_metric_families(render(COMPARISON, "prometheus"))}
    for name, figure in FIGURES.items():
        family = families[f"firstbyte_probe_{name}{'_seconds' if name in TIMES else ''}"]
        assert family.documentation == f"{figure.label} of completed runs"
    differences = {sample.labels["figure"] for sample in families["firstbyte_probe_difference_seconds"].samples}
    assert differences == set(TIMES)


def test_objectives_and_the_help_have_the_names() -> None:
    explained = EPILOG.split("objectives (--slo):")[1].split("\n\n")[0]
    named = re.findall(r"\b([a-z_]+)_(?:STATISTIC)?(?=[,\s])", explained)
    assert sorted(named) == sorted(TIMES)
    assert len(parse(",".join(f"{name}_max=1s" for name in TIMES))) == len(TIMES)


def test_one_run_has_the_labels(capsys: pytest.CaptureFixture[str]) -> None:
    show(a_report(a_run()))
    lines = capsys.readouterr().out
    labels = re.findall(r"(?:^|  )([A-Z][A-Za-z/() ]*?)(?=  )", lines, re.MULTILINE)
    assert set(labels) == {figure.label for name, figure in FIGURES.items() if name != "gap"} | FACTS | PARTS


@pytest.mark.parametrize("details", [False, True])
def test_several_runs_have_the_labels(details: bool, capsys: pytest.CaptureFixture[str]) -> None:
    show(a_report(*RUNS), details=details)
    first = "All figures\n" if details else "\n\n"
    labels = re.findall(r"^([A-Z].*?)  ", capsys.readouterr().out.split(first)[1].split("\n\n")[0], re.MULTILINE)
    all_of_them = [figure.labelled for figure in FIGURES.values()]
    assert labels[:4] == ["TTFT ms", "Gap ms", "Total ms", "Tokens/s"]
    assert sorted(labels[4:]) == sorted(set(all_of_them) - set(labels[:4]) if details else ())
    for name in ("ttfb", "ttft", "max_gap", "total"):
        assert FIGURES[name].labelled in HEADER


def test_a_comparison_has_the_labels(capsys: pytest.CaptureFixture[str]) -> None:
    show(COMPARISON, details=True)
    rows = capsys.readouterr().out.split("p50, ms")[1].split("\n\n")[0].splitlines()[1:]
    assert [re.split("  +", row)[0] for row in rows] == [figure.label for figure in TIMES.values()]
