"""CSV, JUnit XML and Prometheus text: each read with a parser of its own, and held to figures that the test knows."""

import csv
import io
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import pytest
from junitparser import JUnitXml
from prometheus_client.parser import text_string_to_metric_families

from probe.figures import TIMES
from probe.measurement import Failure
from probe.output import render
from probe_reports import a_report, everything
from probe_runs import URL, a_failed_run, a_run, a_series

# The nasty text of `everything` as one line without control characters; what XML does not allow is another matter.
HARMLESS = "=cmd|' /C calc'!A0</script><script>alert(1)</script>\"'&<b>]]>[2J\ufffe\ud800 \u20ac"


def csv_rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The values by metric and label values, in the order of the labels' names."""
    found: dict[tuple[str, ...], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            key = (sample.name, *(value for _, value in sorted(sample.labels.items())))
            assert key not in found
            found[key] = sample.value
    return found


@pytest.mark.parametrize("name", ["json", "csv", "junit", "prometheus", "html"])
def test_every_format_ends_with_a_line_feed_and_lets_no_control_character_through(name: str) -> None:
    text = render(everything(), name)
    assert text.endswith("\n")
    outside_of_scripts = text.partition('<script type="module">')[0]
    assert not [character for character in "\x00\x1b\x9b\r\u2028" if character in outside_of_scripts]


def test_csv_has_a_row_for_every_run_of_both_series() -> None:
    rows = csv_rows(render(everything(), "csv"))
    assert [row["series"] for row in rows] == ["A"] * 15 + ["B"] * 8
    assert [row["buffered"] for row in rows] == ["false"] * 15 + ["true"] * 8
    assert {row["url"] for row in rows} == {URL}
    assert [row["warm_up"] for row in rows[:2]] == ["true", "false"]
    assert [float(row["ttft_ms"]) for row in rows[:4]] == [5000.0, 100.0, 200.0, 300.0]
    reused = rows[9]
    assert (reused["connection"], reused["dns_ms"], reused["cold_start"]) == ("reused", "", "")
    assert (rows[1]["error_type"], rows[1]["error_message"], rows[1]["error_retryable"]) == ("", "", "")
    assert (rows[10]["outcome"], rows[10]["error_type"], rows[10]["error_retryable"]) == ("cut", "throttled", "true")
    assert not {"gaps_ms", "usage", "timing", "error"} & set(rows[0])
    assert rows[1]["max_gap_ms"] == "30.0"


def test_csv_holds_no_formula() -> None:
    row = csv_rows(render(everything(), "csv"))[13]
    for column in ("error_type", "error_message", "model", "stop_reason", "request_id", "trace_id"):
        assert row[column] == "'" + HARMLESS, column


@pytest.mark.parametrize("first", [*"=+-@\uff1d\uff0b\uff0d\uff20", "\t=", "\r=", "\x1b="])
def test_csv_knows_every_start_of_a_formula(first: str) -> None:
    (row,) = csv_rows(render(a_report(a_run(model=first + "1")), "csv"))
    assert row["model"] == "'" + first[-1] + "1"


def test_csv_changes_no_other_text() -> None:
    (row,) = csv_rows(render(a_report(a_run(model='a,b "c"\n=d')), "csv"))
    assert row["model"] == 'a,b "c" =d'


def test_junit_has_a_case_for_every_run_and_objective() -> None:
    text = render(everything(), "junit")
    ElementTree.fromstring(text.encode())
    measured, against = JUnitXml.fromstring(text.encode())
    assert (measured.name, against.name) == (f"A: {URL}", f"B: {URL}")
    cases = {(case.classname, case.name): case for case in measured}
    assert len(cases) == len(list(measured)) == 14 + 5, "the warm-up is no case"
    assert [case.name for case in measured][:2] == ["run 1", "run 2"]
    passed = {name for (_, name), case in cases.items() if case.is_passed}
    assert passed == {f"run {number}" for number in range(1, 10)} | {"ttft_p50 <= 650ms", "tpot_p50 <= 2s"}
    assert [name for (_, name), case in cases.items() if case.is_skipped] == ["run 14"]
    assert (measured.tests, measured.failures, measured.skipped, measured.errors) == (19, 7, 1, 0)
    assert (len(against), against.failures) == (8, 1)
    assert cases["A", "run 3"].time == 0.405
    assert cases["A", "run 14"].time is None


def test_junit_says_what_failed() -> None:
    measured, _ = JUnitXml.fromstring(render(everything(), "junit").encode())
    said = {case.name: (case.result[0].message, case.result[0].type) for case in measured if case.is_failure}
    assert said["run 10"] == ("cut: throttled: Too many requests", "throttled")
    # The cold start counts; 4 of the 13 that came to an end did not complete.
    assert said["total_max <= 1s"] == ("it was 1605.0 ms", "objective")
    assert said["failures <= 1%"] == ("it was 30.769 %", "objective")
    assert said["run 13"][1] == HARMLESS.replace("\ufffe\ud800", "\ufffd\ufffd")


def test_junit_fails_an_objective_without_a_value() -> None:
    (suite,) = JUnitXml.fromstring(render(a_report(a_failed_run(), slo="ttft_p95=1s"), "junit").encode())
    (case,) = [case for case in suite if case.classname == "objectives"]
    assert case.result[0].message == "unproven: no run completed"


def test_junit_has_the_summary_in_its_properties() -> None:
    measured, against = (
        {each.name: each.value for each in suite.properties()}  # type: ignore[no-untyped-call]
        for suite in JUnitXml.fromstring(render(everything(), "junit").encode())
    )
    counts = [measured[name] for name in ("finished", "completed", "cold_starts", "bursts")]
    assert counts == ["13", "9", "1", "1"]
    assert (measured["ttft_count"], measured["ttft_p50_ms"], measured["ttft_max_ms"]) == ("9", "400.000", "1600.000")
    assert not [name for name in measured if name.startswith("ttft_p9")], "nine runs carry no p90"
    assert (measured["gap_p95_ms"], measured["output_tokens_per_second_p50"]) == ("30.000", "47.619")
    assert against["ttft_p50_ms"] == "900.000"
    assert measured["ttft_difference_p50_ms"] == "-500.000"
    assert float(measured["ttft_difference_low_ms"]) <= -500.0 <= float(measured["ttft_difference_high_ms"])
    assert not [name for name in against if "difference" in name]


def test_prometheus_counts_the_runs_that_ended() -> None:
    found = samples(render(everything(), "prometheus"))
    runs = {key[2]: value for key, value in found.items() if key[0] == "firstbyte_probe_runs" and key[3] == "A"}
    assert runs == {"completed": 9.0, "cut": 1.0, "transport": 1.0, "error": 1.0, "http_error": 1.0}
    assert found["firstbyte_probe_runs", "true", "completed", "B", URL] == 7.0
    assert found["firstbyte_probe_cold_starts", "false", "A", URL] == 1.0
    assert found["firstbyte_probe_bursts", "false", "A", URL] == 1.0


def test_prometheus_has_histograms_in_seconds() -> None:
    found = samples(render(everything(), "prometheus"))
    buckets = {
        float(key[2]): value
        for key, value in found.items()
        if key[0] == "firstbyte_probe_ttft_seconds_bucket" and key[3] == "A"
    }
    # Completed and no warm-up: 0.1, 0.2 ... 0.7, 1.6 and 0.4 s; a bucket holds the values up to its bound.
    values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 1.6, 0.4]
    assert buckets == {bound: sum(value <= bound for value in values) for bound in buckets}
    assert buckets[0.1] == 1.0
    assert buckets[float("inf")] == found["firstbyte_probe_ttft_seconds_count", "false", "A", URL] == 9.0
    assert found["firstbyte_probe_ttft_seconds_sum", "false", "A", URL] == pytest.approx(sum(values))
    assert found["firstbyte_probe_gap_seconds_count", "false", "A", URL] == 9 * 4
    assert found["firstbyte_probe_gap_seconds_sum", "false", "A", URL] == pytest.approx(9 * 0.1)
    assert found["firstbyte_probe_dns_seconds_count", "false", "A", URL] == 8.0, "one connection was reused"
    assert ("firstbyte_probe_gap_seconds_count", "true", "B", URL) not in found, "there are none in one piece"
    # Five tokens in 105 ms, or for the slowest run in 5.
    speed = "firstbyte_probe_output_tokens_per_second"
    assert found[f"{speed}_sum", "false", "A", URL] == pytest.approx(8 * 5 / 0.105 + 5 / 0.005)


def test_prometheus_knows_every_figure_and_no_other_metric() -> None:
    families = {family.name: family for family in text_string_to_metric_families(render(everything(), "prometheus"))}
    histograms = {name for name, family in families.items() if family.type == "histogram"}
    speed = "firstbyte_probe_output_tokens_per_second"
    assert histograms == {f"firstbyte_probe_{name}_seconds" for name in TIMES} | {speed}
    counts = {"runs", "cold_starts", "formats", "bursts", "last_run_timestamp_seconds", "objective_met"}
    differences = {"difference_seconds", "difference_low_seconds", "difference_high_seconds"}
    gauges = {name.removeprefix("firstbyte_probe_") for name, family in families.items() if family.type == "gauge"}
    assert gauges == counts | differences
    assert len(families) == len(histograms) + len(gauges)


def test_prometheus_has_objectives_and_differences() -> None:
    found = samples(render(everything(), "prometheus"))
    met = {key[1:]: value for key, value in found.items() if key[0] == "firstbyte_probe_objective_met"}
    assert met["650ms", "ttft_p50"] == met["2s", "tpot_p50"] == 1.0
    assert met["1s", "total_max"] == met["1%", "failures"] == met["0%", "bursts"] == 0.0
    assert found["firstbyte_probe_difference_seconds", "ttft"] == -0.5
    low, high = (found[f"firstbyte_probe_difference_{end}_seconds", "ttft"] for end in ("low", "high"))
    assert -0.8 <= low <= -0.5 <= high <= 0.7


def test_prometheus_says_when_the_last_run_began() -> None:
    runs = [a_run(started_at="2026-11-22T16:00:09Z"), a_run(number=2, started_at="2026-11-22T16:00:07Z")]
    stopped = a_failed_run("interrupted", number=3, started_at="2026-11-22T16:00:30Z")
    key = ("firstbyte_probe_last_run_timestamp_seconds", "false", "measured", URL)
    found = samples(render(a_report(*runs, stopped), "prometheus"))
    assert found[key] == datetime(2026, 11, 22, 16, 0, 9, tzinfo=UTC).timestamp()
    assert key not in samples(render(a_report(stopped), "prometheus"))


def test_prometheus_escapes_what_stands_in_labels() -> None:
    url = 'https://a.example/"\\x'
    found = samples(render(a_report(a_run(), against=a_series(url=url)), "prometheus"))
    assert found["firstbyte_probe_runs", "false", "completed", "B", url] == 1.0


@pytest.mark.parametrize("name", ["csv", "junit", "prometheus", "html"])
def test_runs_without_any_figure_have_a_report(name: str) -> None:
    nothing: dict[str, Any] = {"dns_ms": None, "connect_ms": None, "tls_ms": None, "headers_ms": None}
    run = a_failed_run("transport", error=Failure("curl_6", "no such host"), ttfb_ms=None, total_ms=None, **nothing)
    assert "nan" not in render(a_report(run), name).partition("<script>")[0].lower()
