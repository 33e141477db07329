"""The page: what its tables and charts say, that nothing in it loads or runs anything, and that no text breaks out.

How it looks is tested in a browser: tests/browser/test_report.py.
"""

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from look.project import project
from probe.analysis.phases import phases
from probe.analysis.report import Report
from probe.figures import FIGURES
from probe.measurement import Failure
from probe.output import render
from probe_reports import a_report, everything
from probe_runs import a_failed_run, a_run, a_series

TTFT = FIGURES["ttft"].label


class Page(HTMLParser):
    """A page taken apart: its tags with their attributes, scripts, tables as rows of cells, and its other text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self.text = ""
        self._rows: list[list[str]] = []
        self._inside = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self._rows = self.tables[found["id"] or ""] = []
        elif tag == "tr":
            self._rows.append([])
        elif tag in ("td", "th"):
            self._rows[-1].append("")
        elif tag == "script":
            self.scripts.append("")
        if tag in ("td", "th", "script", "style"):
            self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside in ("td", "th"):
            self._rows[-1][-1] += data
        elif not self._inside:
            self.text = " ".join(f"{self.text} {data}".split())

    def charts(self) -> dict[str, Any]:
        """The charts' options by the id of the element that they are drawn in."""
        kinds = [found.get("type") for tag, found in self.tags if tag == "script"]
        if not kinds:
            return {}
        assert kinds == ["application/json", "module"]
        charts: dict[str, Any] = json.loads(self.scripts[0])
        assert {found["id"] for _, found in self.tags if found.get("class") == "look-chart"} == set(charts)
        return charts

    def named(self, chart: str, series: int) -> dict[str, Any]:
        """The values of a series by what a pointer on them shows."""
        points = self.charts()[chart]["series"][series]["data"]
        return {point["name"]: point["value"] for point in points if point is not None}

    def rows(self, table: str) -> dict[str, list[str]]:
        """A table's rows by their first cell."""
        return {first: rest for first, *rest in self.tables[table]}


@pytest.fixture(scope="module")
def page() -> Page:
    return Page(render(everything(), "html"))


def test_the_page_loads_nothing(page: Page) -> None:
    links = [(tag, found) for tag, found in page.tags if {"src", "href", "action", "srcset", "data"} & set(found)]
    assert [tag for tag, _ in links] == ["a"], "the link to the trace waits for a click"
    assert not {"link", "img", "iframe", "object", "form", "base"} & {tag for tag, _ in page.tags}
    assert not re.search(r"url\(|@import", str(page.tags))


def test_the_policy_lets_no_script_run_but_that_of_the_page(page: Page) -> None:
    (policy,) = [found["content"] for tag, found in page.tags if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    _, code = page.scripts
    digest = base64.b64encode(hashlib.sha256(code.encode()).digest()).decode()
    assert rules["script-src"] == [f"'sha256-{digest}'"]
    assert rules["default-src"] == ["'none'"]
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}


def test_text_of_a_server_stays_text(page: Page) -> None:
    harmless = "=cmd|' /C calc'!A0</script><script>alert(1)</script>\"'&<b>]]>[2J\ufffe\ud800 \u20ac"
    assert page.rows("failures")["A 13"] == [f"{harmless} {harmless}", "http_error", "429", harmless]
    assert harmless in page.text, "the model's name"
    assert not [found for tag, found in page.tags if tag == "b" and found != {"class": "look-bad"}]
    assert not [script for script in page.scripts if script.startswith("alert")]
    assert "alert" not in page.scripts[0], "what a server sent is in no chart"
    nasty = Page(render(a_report(a_run(trace_id='"><b>'), against=a_series(url='"><b></title><b>')), "html"))
    assert not [tag for tag, _ in nasty.tags if tag == "b"]
    assert 'trace "><b>' in nasty.text
    assert 'B "><b></title><b> (eu-west-1), streamed' in nasty.text


def asked(*requests: bytes) -> Page:
    report = a_report(a_run())
    return Page(render(replace(report, result=replace(report.result, requests=requests)), "html"))


def test_the_page_says_what_was_asked_and_by_whom(page: Page) -> None:
    found = asked(b'{"prompt": "Why is </script><b>the sky</b> blue?", "max_tokens": 20}')
    assert "Prompt Why is </script><b>the sky</b> blue?" in found.text
    assert not [tag for tag, _ in found.tags if tag == "b"]
    assert f"Made by the probe of {project()}" in found.text
    assert "Prompt" not in page.text, "a saved result does not have it"


def test_other_requests_are_shown_by_their_last_message_or_whole() -> None:
    messages = b'{"messages": [{"role": "user", "content": "first"}, {"role": "user", "content": [{"text": "last"}]}]}'
    found = asked(messages, b'{"question": 1}', b'{"prompt": ["no text"]}', b'{"messages": [1, {"content": null}]}')
    assert 'Prompt 1 [{"text": "last"}] Prompt 2 {"question": 1} Prompt 3 {"prompt": ["no text"]}' in found.text
    assert 'Prompt 4 {"messages": [1, {"content": null}]}' in found.text


def test_of_many_or_long_prompts_the_beginning_is_shown() -> None:
    found = asked(*[json.dumps({"prompt": f"{number} {'x' * 3_000}"}).encode() for number in range(25)])
    assert found.text.count(f"{'x' * 1_900}") == 20
    assert "x" * 2_000 not in found.text
    assert "and 5 more" in found.text


@pytest.mark.parametrize(
    ("report", "outcome"),
    [
        (a_report(a_run()), "\u2713 The run completed"),
        (a_report(a_failed_run()), "\u2717 The run failed: http_error 429"),
        (a_report(a_run(), a_run(number=2), slo="ttft_p50=1s"), "\u2713 2 of 2 runs completed; 1 objective met"),
        (a_report(a_run(), slo="ttft_p50=1s,failures=1%"), "\u2713 The run completed; all 2 objectives met"),
        (
            a_report(a_run(), a_failed_run(number=2), slo="ttft_p50=1ms,failures=90%"),
            "\u2717 1 of 2 runs completed; 1 of 2 objectives missed",
        ),
        (a_report(a_run(), slo="ttft_p50=1ms"), "\u2717 The run completed; 1 of 1 objective missed"),
        (
            a_report(a_run(), a_failed_run("interrupted", number=2)),
            "\u2717 1 of 1 runs completed (2 were asked for)",
        ),
        (a_report(a_run(), against=a_series(buffered=True)), "\u2713 A: the run completed, B: the run completed"),
    ],
)
def test_the_first_line_says_how_it_went(report: Report, outcome: str) -> None:
    found = Page(render(report, "html"))
    _, _, said = found.text.partition("Probe: ")
    assert said.startswith(f"{outcome[2:]} {outcome}"), "in the title, and in the heading with a mark"
    heading = [attributes["class"] for tag, attributes in found.tags if tag == "h1"]
    assert heading == ["look-good" if outcome[0] == "\u2713" else "look-bad"]


def test_counted_runs_that_failed_are_listed(page: Page) -> None:
    listed = [first for first, *_ in page.tables["failures"]]
    assert listed == ["run", *(f"A {number}" for number in (10, 11, 12, 13)), "B 8"]
    assert "\u2717 5 runs failed" in page.text
    assert "failures" not in Page(render(a_report(a_failed_run(warm_up=True), a_run()), "html")).tables


def test_the_tables_have_the_figures(page: Page) -> None:
    head = page.tables["figures-A"][0]
    assert (head[:2], head[-3:]) == (["", "p50"], ["max", "min", "values"]), "a phone shows the first columns"
    rows = page.rows("figures-A")
    # Nine values: 100, 200 ... 700, 1600 and 400 ms; below the median the second and the eighth of them.
    assert rows[TTFT][0] == "400.0200.0 to 700.0"
    assert rows[TTFT][-3:] == ["1,600.0", "100.0", "9"]
    first, *others, count = rows[f"{TTFT}, cold"]
    assert (first, set(others), count) == ("1,600.0", {""}, "1"), "one value has no distribution"
    assert rows[f"{TTFT}, warm"][-1] == "7", "of one run nobody knows whether it was a cold start"
    assert {name for name in rows if "," not in name and name} == {figure.label for figure in FIGURES.values()}
    assert page.rows("figures-B")[TTFT][0].startswith("900.0")
    assert f"{TTFT} p50 of A 400.0 ms A minus B: -500.0 ms" in page.text
    assert "completed: 9 of 13, cold starts: 1" in page.text


def test_the_page_compares(page: Page) -> None:
    row = page.rows("differences")[TTFT]
    assert row[:4] == ["-500.0", "400.0", "900.0", "0.444"]
    low, high = (float(end) for end in row[4].split(" to "))
    assert low <= -500.0 <= high
    assert page.rows("differences")[FIGURES["dns"].label][0] == "0.0"
    assert FIGURES["gap"].label not in page.rows("differences"), "an answer in one piece has none"
    assert "Streamed, the first text came 500.0 ms earlier than in one piece" in page.text
    shown = page.charts()["chart-compared"]
    assert shown["yAxis"]["data"] == [FIGURES[name].label for name in ("ttfb", "ttft", "total")]
    assert page.named("chart-compared", 0)[f"A, {TTFT} p50: 400.0 ms"] == 400.0
    assert page.named("chart-compared", 1)[f"B, {TTFT} p50: 900.0 ms"] == 900.0


def test_the_page_judges(page: Page) -> None:
    assert page.tables["objectives"][1:] == [
        ["ttft_p50", "\u2713 met", "400.0 ms", "650ms"],
        ["total_max", "\u2717 missed", "1605.0 ms", "1s"],
        ["failures", "\u2717 missed", "30.769 %", "1%"],
        ["tpot_p50", "\u2713 met", page.rows("objectives")["tpot_p50"][1], "2s"],
        ["bursts", "\u2717 missed", "11.111 %", "0%"],
    ]
    assert "A: 1 of 9 answers came in one burst: in run 8 the client waited 1600 ms" in page.text


def test_the_page_says_where_the_time_went(page: Page) -> None:
    # DNS 5, TCP 15, TLS 30 and one more round trip of 15; the function says 295 to the model's first token.
    assert page.tables["slowest"] == [
        ["Network (estimate)", "65.0 ms"],
        ["Lambda (estimate)", "1,240.0 ms"],
        ["Bedrock", "295.0 ms"],
        ["Rest of the answer", "5.0 ms"],
    ]
    (link,) = [found["href"] for tag, found in page.tags if tag == "a"]
    assert link == (
        "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1"
        "#xray:traces/1-6b030131-8fd1ae13fe08516f32bb61df"
    )


def test_parts_that_nobody_can_tell_apart_are_one() -> None:
    reused = a_run(connection="reused", dns_ms=None, connect_ms=None, tls_ms=None, total_ms=510.0)
    rows = Page(render(a_report(reused), "html")).tables["slowest"]
    assert rows == [
        ["Network and Lambda", "105.0 ms"],
        ["Bedrock", "295.0 ms"],
        ["Rest of the answer", "110.0 ms"],
    ]


def bins(page: Page, chart: str, series: int) -> list[tuple[float, float, int]]:
    """The bins that have something in them: from, to, how many."""
    edges = re.compile(r".*, ([0-9,.]+) to ([0-9,.]+) ms: ([0-9,]+) (?:run|gap)s?")
    found = []
    for name, value in page.named(chart, series).items():
        match = edges.fullmatch(name)
        assert match
        low, high, count = (float(number.replace(",", "")) for number in match.groups())
        assert count == value
        found.append((low, high, value))
    return found


def test_the_distributions_are_of_completed_runs(page: Page) -> None:
    measured, against = bins(page, "chart-ttft", 0), bins(page, "chart-ttft", 1)
    values = [100.0, 200.0, 300.0, 400.0, 400.0, 500.0, 600.0, 700.0, 1600.0]
    assert [sum(low <= value < high for value in values) for low, high, _ in measured] == [n for *_, n in measured]
    assert sum(n for *_, n in measured) == 9
    assert [(low <= 900.0 < high, n) for low, high, n in against] == [(True, 7)]
    assert sum(n for *_, n in bins(page, "chart-gap", 0)) == 36
    chart = page.charts()["chart-ttft"]
    assert chart["yAxis"]["minInterval"] == 1, "whole counts"
    p50 = chart["series"][-1]["markLine"]["data"][0]
    assert (p50["xAxis"], p50["name"]) == (400.0, "p50 400.0 ms")


def test_the_names_of_percentiles_stand_in_two_rows() -> None:
    runs = [a_run(number=number, ttft_ms=400.0 + number) for number in range(1, 22)]
    chart = Page(render(a_report(*runs), "html")).charts()["chart-ttft"]
    p50, p95 = chart["series"][-1]["markLine"]["data"]
    assert (p50["name"], p95["name"]) == ("p50 411.0 ms", "p95 420.0 ms")
    assert p50["label"]["distance"] != p95["label"]["distance"]


@pytest.mark.parametrize(
    "values", [[0.0, 0.0], [0.001, 0.002], [5.0] * 3, [99.9, 100.1], [3.0, 40_000.0], [86_400_000.0, 1.0], [1e-9, 1e-8]]
)
def test_each_value_is_in_one_bin_between_round_numbers(values: list[float]) -> None:
    runs = [a_run(number=number, ttft_ms=value) for number, value in enumerate(values, 1)]
    found = Page(render(a_report(*runs), "html"))
    assert sum(found.named("chart-ttft", 0).values()) == len(values)
    axis = found.charts()["chart-ttft"]["xAxis"][1]
    labels = (axis["max"] - axis["min"]) / axis["interval"]
    assert 1 <= round(labels) <= 8
    assert labels == pytest.approx(round(labels))
    assert axis["min"] <= min(values) <= max(values) <= axis["max"]


def test_every_run_that_took_time_is_in_the_chart_once(page: Page) -> None:
    chart = page.charts()["chart-runs"]["baseOption"]
    numbers = chart["xAxis"]["data"]
    assert numbers == ["w1", *(str(number) for number in range(1, 15))]
    points = {
        series["name"]: [(numbers[point["value"][0]], point["value"][1]) for point in series["data"]]
        for series in chart["series"]
    }
    assert points == {
        "A, completed": [*((str(number), 100.0 * number) for number in range(1, 8)), ("9", 400.0)],
        "A, cold start": [("8", 1600.0)],
        "A, failed": [("10", 505.0), ("11", 505.0), ("12", 505.0), ("13", 505.0)],
        "A, warm-up": [("w1", 5000.0)],
        "B, completed": [(str(number), 900.0) for number in range(1, 8)],
        "B, failed": [("8", 505.0)],
    }
    looks = [(series["symbol"], json.dumps(series["itemStyle"])) for series in chart["series"]]
    assert len(set(looks)) == 6
    assert len({series["symbol"] for series in chart["series"] if "warm-up" not in series["name"]}) == 5
    said = [point["name"] for point in chart["series"][2]["data"]]
    assert said[0] == f"A, run 10, failed: {FIGURES['total'].label} 505.0 ms, began 2026-11-22T16:00:00Z"
    (limit,) = chart["series"][0]["markLine"]["data"]
    assert (limit["yAxis"], limit["name"]) == (650.0, "ttft_p50 650ms")


def test_many_runs_have_an_axis_of_round_numbers() -> None:
    found = Page(render(a_report(*[a_run(number=number) for number in range(1, 301)]), "html")).charts()["chart-runs"]
    assert (found["xAxis"]["type"], found["xAxis"]["minInterval"]) == ("value", 1)
    assert [point["value"][0] for point in found["series"][0]["data"]] == list(range(1, 301))


def waterfall(page: Page) -> list[tuple[str, float, float]]:
    """Its rows: label, begin and end."""
    chart = page.charts()["chart-slowest"]
    begins, lengths = (series["data"] for series in chart["series"][:2])
    labels = chart["yAxis"][0]["data"]
    return [
        (label, begin, begin + length["value"]) for label, begin, length in zip(labels, begins, lengths, strict=False)
    ]


def test_the_waterfall_is_the_slowest_run(page: Page) -> None:
    slowest = a_run(number=8, ttft_ms=1600.0, total_ms=1605.0)
    assert waterfall(page) == list(phases(slowest))
    assert [end for *_, end in waterfall(page)] == [5.0, 20.0, 50.0, 390.0, 1600.0, 1605.0]
    chart = page.charts()["chart-slowest"]
    assert [point["value"] for point in chart["series"][2]["data"]] == [
        [at, 6] for at in (1600.0, 1620.0, 1650.0, 1675.0, 1700.0)
    ]
    assert chart["yAxis"][0]["data"][6] == "Chunks"
    assert chart["yAxis"][1]["data"] == ["5.0 ms", "15.0 ms", "30.0 ms", "340.0 ms", "1,210.0 ms", "5.0 ms", "5"]


def test_a_kept_connection_has_no_phases_of_its_own() -> None:
    run = a_run(connection="reused", dns_ms=None, connect_ms=None, tls_ms=None, total_ms=399.999)
    rows = waterfall(Page(render(a_report(run), "html")))
    assert [(begin, end) for _, begin, end in rows] == [(0.0, 390.0), (390.0, 400.0), (400.0, 400.0)], (
        "the total is of another clock, and no bar runs backwards"
    )


def test_without_tokens_the_runs_show_their_totals() -> None:
    runs = [a_run(number=number, format="bytes", ttft_ms=None, tpot_ms=None, first_chunk_ms=400.0) for number in (1, 2)]
    found = Page(render(a_report(*runs), "html"))
    assert set(found.charts()) == {"chart-gap", "chart-runs"}
    assert f"{FIGURES['total'].label} run by run, ms" in found.text
    assert [point["value"][1] for point in found.charts()["chart-runs"]["series"][0]["data"]] == [505.0, 505.0]


def test_what_is_not_there_is_not_shown() -> None:
    found = Page(render(a_report(a_failed_run(error=Failure("throttled", "no"))), "html"))
    assert set(found.tables) == {"failures"}
    assert set(found.charts()) == set()
    assert "burst" not in found.text
    alone = Page(render(a_report(a_run()), "html"))
    assert set(alone.tables) == {"figures-measured", "slowest"}
    assert set(alone.charts()) == {"chart-slowest", "chart-gap"}, "one run has no distribution but that of its gaps"
    assert set(Page(render(a_report(), "html")).charts()) == {"chart-slowest", "chart-gap"}
    assert set(Page(render(a_report(a_run(gaps_ms=[]), a_run(number=2, gaps_ms=[])), "html")).charts()) == {
        "chart-slowest",
        "chart-runs",
        "chart-ttft",
    }


def test_what_was_not_made_alike_is_said() -> None:
    report = a_report(a_run(), against=a_series())
    before = replace(report.result.conditions, reuse=True, model="</p><b>")
    found = Page(render(replace(report, result=replace(report.result, conditions_against=before)), "html"))
    assert "Not made alike. --reuse was True, then False" in found.text
    assert "Not made alike. --model was </p><b>, then None" in found.text
    assert not [tag for tag, _ in found.tags if tag == "b"]


def test_cold_starts_are_shown_apart_where_there_are_others() -> None:
    cold = [a_run(cold_start=True), a_run(number=2, cold_start=True)]
    assert f"{TTFT}, cold" not in Page(render(a_report(*cold), "html")).rows("figures-measured")
    assert f"{TTFT}, cold" in Page(render(a_report(*cold, a_run(number=3)), "html")).rows("figures-measured")


def test_a_single_run_has_no_columns_of_a_distribution_but_for_its_gaps() -> None:
    alone = Page(render(a_report(a_run()), "html"))
    first, *others, count = alone.rows("figures-measured")[TTFT]
    assert (first, set(others), count) == ("400.0", {""}, "1")
    assert alone.rows("figures-measured")[FIGURES["gap"].label][0] == "25.0"
    in_one_piece = Page(render(a_report(a_run(gaps_ms=[])), "html"))
    assert in_one_piece.tables["figures-measured"][0] == ["", "p50", "values"]


def test_nothing_is_minus_zero() -> None:
    against = a_series(a_run(ttft_ms=400.04))
    assert Page(render(a_report(a_run(), against=against), "html")).rows("differences")[TTFT][0] == "0.0"


def test_a_page_is_small() -> None:
    runs = [a_run(number=number, gaps_ms=[20.0] * 100) for number in range(1, 1001)]
    assert len(render(a_report(*runs), "html")) < 2_000_000
