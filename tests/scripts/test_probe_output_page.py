"""The page: what its tables and charts say, that nothing in it loads or runs anything, and that no text breaks out."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from probe.figures import TIMES
from probe.measurement import Failure
from probe.output import render
from probe_reports import a_report, everything
from probe_runs import a_failed_run, a_run, a_series


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
        """The charts by the id of the element that they are drawn in."""
        ids = [found["data-chart"] or "" for tag, found in self.tags if tag == "script" and "data-chart" in found]
        assert all(("div", {"id": name}) in self.tags for name in ids)
        return {name: json.loads(script) for name, script in zip(ids, self.scripts, strict=False)}

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


def test_the_policy_lets_no_script_run_but_the_two_of_the_page(page: Page) -> None:
    (policy,) = [found["content"] for tag, found in page.tags if found.get("http-equiv") == "Content-Security-Policy"]
    assert policy
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    kinds = [found.get("type") for tag, found in page.tags if tag == "script"]
    code = [script for kind, script in zip(kinds, page.scripts, strict=True) if kind is None]
    assert kinds == ["application/json"] * 4 + [None] * 2
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in code]
    assert rules["script-src"] == [f"'sha256-{digest}'" for digest in digests]
    assert rules["default-src"] == ["'none'"]
    assert set(rules) == {"default-src", "script-src", "style-src", "img-src", "base-uri", "form-action"}
    assert "Plotly.newPlot" in code[1]


def test_text_of_a_server_stays_text(page: Page) -> None:
    harmless = "=cmd|' /C calc'!A0</script><script>alert(1)</script>\"'&<b>]]>[2J\ufffe\ud800 \u20ac"
    assert page.rows("failures")["A 13"] == ["http_error", "429", harmless, harmless, harmless]
    assert not [tag for tag, _ in page.tags if tag == "b"]
    assert not [script for script in page.scripts if script.startswith("alert")]
    nasty = Page(render(a_report(a_run(trace_id='"><b>'), against=a_series(url='"><b></title><b>')), "html"))
    assert not [tag for tag, _ in nasty.tags if tag == "b"]
    assert 'trace "><b>' in nasty.text
    assert 'B: "><b></title><b> (eu-west-1), streamed' in nasty.text


def test_counted_runs_that_failed_are_listed(page: Page) -> None:
    listed = [first for first, *_ in page.tables["failures"]]
    assert listed == ["run", *(f"A {number}" for number in (10, 11, 12, 13)), "B 8"]
    assert "failures" not in Page(render(a_report(a_failed_run(warm_up=True), a_run()), "html")).tables


def test_the_tables_have_the_figures(page: Page) -> None:
    assert page.tables["figures-A"][0] == ["", "values", "min", "p50", "p90", "p95", "p99", "max"]
    rows = page.rows("figures-A")
    # Nine values: 100, 200 ... 700, 1600 and 400 ms; below the median the second and the eighth of them.
    assert rows["TTFT"][:3] == ["9", "100.0", "400.0200.0 to 700.0"]
    assert rows["TTFT"][6] == "1,600.0"
    assert rows["TTFT, cold"][:3] == ["1", "1,600.0", "1,600.0"]
    assert rows["TTFT, warm"][0] == "7", "of one run nobody knows whether it was a cold start"
    assert {name for name in rows if "," not in name and name} == {figure.label for figure in TIMES.values()}
    assert page.rows("figures-B")["TTFT"][:2] == ["7", "900.0"]
    assert "TTFT p50 400.0 ms -500.0 ms to B" in page.text
    assert "completed: 9 of 13, cold starts: 1" in page.text


def test_the_page_compares(page: Page) -> None:
    row = page.rows("differences")["TTFT"]
    assert row[:3] == ["400.0", "900.0", "-500.0"]
    low, high = (float(end) for end in row[3].split(" to "))
    assert low <= -500.0 <= high
    assert row[4] == "0.444"
    assert page.rows("differences")["DNS"][2] == "+0.0"
    assert "Gap" not in page.rows("differences"), "an answer in one piece has none"


def test_the_page_judges(page: Page) -> None:
    assert page.tables["objectives"][1:] == [
        ["ttft_p50", "650ms", "400.0 ms", "met"],
        ["total_max", "1s", "1605.0 ms", "missed"],
        ["failures", "1%", "30.769 %", "missed"],
        ["tpot_p50", "2s", page.rows("objectives")["tpot_p50"][1], "met"],
        ["bursts", "0%", "11.111 %", "missed"],
    ]
    assert "A: 1 of 9 answers came in one burst: in run 8 the client waited 1600 ms" in page.text


def test_the_page_says_where_the_time_went(page: Page) -> None:
    # DNS 5, TCP 15, TLS 30 and one more round trip of 15; the function says 295 to the model's first token.
    assert page.tables["slowest"] == [
        ["Network (estimate)", "65.0 ms"],
        ["Lambda (estimate)", "1,240.0 ms"],
        ["Bedrock", "295.0 ms"],
        ["Rest", "5.0 ms"],
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
        ["Rest", "110.0 ms"],
    ]


def test_the_distributions_are_of_completed_runs(page: Page) -> None:
    measured, against = page.charts()["chart-ttft"]["data"]
    assert (measured["name"], sorted(measured["x"])) == (
        "A",
        [100.0, 200.0, 300.0, 400.0, 400.0, 500.0, 600.0, 700.0, 1600.0],
    )
    assert (against["name"], against["x"]) == ("B", [900.0] * 7)
    (gaps,) = page.charts()["chart-gap"]["data"]
    assert sorted(gaps["x"]) == [20.0] * 9 + [25.0] * 18 + [30.0] * 9
    lines = {shape["x0"] for shape in page.charts()["chart-ttft"]["layout"]["shapes"]}
    assert 400.0 in lines


def test_every_run_that_took_time_is_in_the_chart_once(page: Page) -> None:
    traces = {trace["name"]: trace for trace in page.charts()["chart-runs"]["data"]}
    points = {name: list(zip(trace["x"], trace["y"], strict=True)) for name, trace in traces.items()}
    assert points == {
        "run (A)": [*((number, 100.0 * number) for number in range(1, 8)), (9, 400.0)],
        "cold start (A)": [(8, 1600.0)],
        "not completed (A)": [(10, 505.0), (11, 505.0), (12, 505.0), (13, 505.0), (14, None)],
        "warm-up (A)": [(0, 5000.0)],
        "run (B)": [(number, 900.0) for number in range(1, 8)],
        "not completed (B)": [(8, 505.0)],
    }
    assert len({traces[name]["marker"]["symbol"] for name in points if "A" in name}) == 4


def test_the_waterfall_is_the_slowest_run(page: Page) -> None:
    bars, text = page.charts()["chart-slowest"]["data"]
    spans = {
        label: (begin, begin + length) for label, begin, length in zip(bars["y"], bars["base"], bars["x"], strict=True)
    }
    assert spans == {
        "DNS": (0.0, 5.0),
        "Connect": (5.0, 20.0),
        "TLS": (20.0, 50.0),
        "Wait for headers": (50.0, 390.0),
        "Headers to first text": (390.0, 1600.0),
        "Rest": (1600.0, 1605.0),
    }
    assert text["x"] == [1600.0, 1620.0, 1650.0, 1675.0, 1700.0]
    assert page.charts()["chart-slowest"]["layout"]["yaxis"]["categoryarray"] == ["Chunks", *list(spans)[::-1]]


def test_a_kept_connection_has_no_phases_of_its_own() -> None:
    run = a_run(connection="reused", dns_ms=None, connect_ms=None, tls_ms=None, total_ms=399.999)
    bars, _ = Page(render(a_report(run), "html")).charts()["chart-slowest"]["data"]
    assert (bars["y"], bars["base"]) == (["Wait for headers", "Headers to first text", "Rest"], [0.0, 390.0, 400.0])
    assert bars["x"] == [390.0, 10.0, 0.0], "the total is of another clock, and no bar runs backwards"


def test_without_tokens_the_runs_show_their_totals() -> None:
    runs = [a_run(number=number, format="bytes", ttft_ms=None, tpot_ms=None, first_chunk_ms=400.0) for number in (1, 2)]
    found = Page(render(a_report(*runs), "html"))
    assert set(found.charts()) == {"chart-gap", "chart-runs"}
    chart = found.charts()["chart-runs"]
    assert chart["layout"]["yaxis"]["title"]["text"] == "Total, ms"
    assert [trace["y"] for trace in chart["data"]] == [[505.0, 505.0]]
    assert Page(render(a_report(), "html")).charts()["chart-runs"]["layout"]["yaxis"]["title"]["text"] == "TTFT, ms"


def test_what_is_not_there_is_not_shown() -> None:
    found = Page(render(a_report(a_failed_run(error=Failure("throttled", "no"))), "html"))
    assert set(found.tables) == {"failures"}
    assert set(found.charts()) == {"chart-runs"}
    assert "burst" not in found.text
    assert set(Page(render(a_report(a_run()), "html")).tables) == {"figures-measured", "slowest"}
