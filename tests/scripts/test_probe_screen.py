"""What is shown of a report: made-up ones, so that every number in the tables and every bar has a known truth."""

import os
import pickle
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from probe.analysis.comparison import Difference
from probe.analysis.objectives import Objective, Verdict
from probe.analysis.report import Report, build
from probe.analysis.slowest import Breakdown
from probe.analysis.summary import Distribution
from probe.measurement import Failure, Run
from probe.result import Conditions
from probe.screen import show
from probe.screen.rows import HEADER, row
from probe_process import PATIENCE_SECONDS
from probe_reports import a_report, everything
from probe_runs import a_failed_run, a_result, a_run, a_series
from pseudo_terminal import PseudoTerminal
from tools import REPOSITORY

UTF_8 = {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
CONSOLE = "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#xray:traces/"
LONG_URL = CONSOLE + "1-6b03" * 20
LOCAL = {"url": "http://127.0.0.1:9/"}

# One run whose every figure is another number, and whose phases are tenths of its total.
ONE = a_run(
    dns_ms=100.0,
    connect_ms=101.0,
    tls_ms=199.0,
    headers_ms=600.0,
    ttfb_ms=650.0,
    ttft_ms=700.0,
    gaps_ms=[1.0, 1.0, 98.0, 150.0],
    tpot_ms=61.5,
    total_ms=1000.0,
    cold_start=True,
    input_tokens=8,
    output_tokens=60,
)


def report_of(*runs: Run, **fields: Any) -> Report:
    """The report of these runs, with these fields in place of its own."""
    return replace(a_report(*runs), **fields)


def shown(report: Report, capsys: pytest.CaptureFixture[str], *, details: bool = False) -> list[str]:
    show(report, details=details)
    return capsys.readouterr().out.splitlines()


def below(lines: list[str], title: str) -> list[str]:
    """The lines from this one to the next empty one."""
    start = next(number for number, line in enumerate(lines) if title in line)
    return [*lines[start:], ""][: [*lines[start:], ""].index("")]


def command(report: Report, folder: Path, *, details: bool = False) -> list[str]:
    """A command line that shows the report in a process of its own."""
    (folder / "report").write_bytes(pickle.dumps(report))
    code = (
        "import pickle, sys; from probe.screen import show; "
        f"show(pickle.load(open(sys.argv[1], 'rb')), details={details})"
    )
    return [sys.executable, "-W", "ignore::ResourceWarning", "-c", code, str(folder / "report")]


def surroundings(more: Mapping[str, str]) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY / "src/probe"), **more}


def in_a_pipe(report: Report, folder: Path, environment: Mapping[str, str] = UTF_8, *, details: bool = False) -> str:
    done = subprocess.run(
        command(report, folder, details=details),
        env=surroundings(environment),
        capture_output=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout.decode()


def on_a_terminal(
    report: Report,
    folder: Path,
    environment: Mapping[str, str] = UTF_8,
    columns: int = 80,
    *,
    details: bool = False,
) -> str:
    terminal = PseudoTerminal(columns)
    try:
        assert terminal.finish(terminal.start(command(report, folder, details=details), surroundings(environment))) == 0
        return terminal.written
    finally:
        terminal.close()


def test_one_run(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(report_of(ONE), capsys)
    assert lines[:9] == [
        "Outcome  completed",
        "Format   firstbyte-sse, new connection",
        f"Trace    {CONSOLE}{ONE.trace_id}",
        "",
        "TTFB      650.0 ms      DNS      100.0 ms      Tokens    8 in, 60 out",
        "TTFT      700.0 ms      Connect  101.0 ms      TPOT      61.5 ms",
        "Max gap   150.0 ms      TLS      199.0 ms      Tokens/s  200.0",
        "Total    1000.0 ms      Headers  600.0 ms      Start     cold",
        "",
    ]


def fields(line: str) -> list[str]:
    """The words of a line that two spaces or more keep apart."""
    return [field for field in re.split("  +", line.strip()) if field]


@pytest.mark.parametrize("where", [{}, LOCAL])
@pytest.mark.parametrize("details", [False, True])
def test_one_run_takes_15_lines_at_most_and_says_nothing_twice(
    where: dict[str, Any], details: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    different = replace(ONE, output_tokens_per_second=199.3)
    report = build(a_result(a_series(different, **where)), [], paired=False)
    lines = shown(report, capsys, details=details)
    assert len(lines) <= 15
    numbers = re.findall(r"\d[\d.]+ ms|\d[\d.]+$", "\n".join(lines), re.MULTILINE)
    labels = [label for line in lines for label in re.findall(r"[A-Z][A-Za-z/ ]*?(?=  )", line)]
    assert len(set(labels)) == len(labels) > 12
    assert sum(line.count(ONE.trace_id or "") for line in lines) == 1
    assert any(ONE.request_id in line for line in lines if ONE.request_id) == details
    assert numbers.count("1000.0 ms") == numbers.count("700.0 ms") == numbers.count("600.0 ms") == 1


@pytest.mark.parametrize(
    "run",
    [
        a_failed_run("http_error", total_ms=800.0),
        a_failed_run("cut", ttft_ms=100.0, gaps_ms=[1.0]),
        a_failed_run("transport", headers_ms=None, ttfb_ms=None, trace_id=None, request_id=None),
        a_run(format="bytes", ttft_ms=None, tpot_ms=None, first_chunk_ms=100.0, trace_id=None),
        a_run(connection="reused", dns_ms=None, connect_ms=None, tls_ms=None),
    ],
    ids=["HTTP error", "cut", "no response", "bytes", "kept connection"],
)
def test_any_one_run_takes_15_lines_at_most(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(shown(report_of(run), capsys)) <= 15


def test_a_run_that_failed_has_its_request(capsys: pytest.CaptureFixture[str]) -> None:
    assert f"Request  {ONE.request_id}" in shown(report_of(a_failed_run()), capsys)
    assert "Request" not in "".join(shown(report_of(ONE), capsys))


def test_no_number_is_a_negative_zero(capsys: pytest.CaptureFixture[str]) -> None:
    tiny = -0.000_1
    run = a_run(dns_ms=tiny, connect_ms=tiny, tls_ms=tiny, gaps_ms=[tiny, 3.0], max_gap_ms=tiny)
    for report in (report_of(run), report_of(run, a_run(number=2)), a_comparison(Difference(tiny, tiny, -0.0, tiny))):
        for details in (True, False):
            assert "-0.0" not in "\n".join(shown(report, capsys, details=details))
    assert "-0.0" not in row(run, "")


@pytest.mark.parametrize(
    ("outcome", "type_", "has_reason"),
    [
        ("http_error", "http_502", True),
        ("cut", "curl_18", True),
        ("cut", "no_end_event", False),
        ("http_error", "throttled", False),
    ],
)
def test_the_sandboxs_output_has_the_reason_of_what_it_ends(
    outcome: str, type_: str, has_reason: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    report = report_of(a_failed_run(outcome, error=Failure(type_, "why")))
    for in_sandbox in (True, False):
        show(report, in_sandbox=in_sandbox)
        words = " ".join(capsys.readouterr().out.split())
        assert ("; the sandbox's output has the reason" in words) == (has_reason and in_sandbox)


def test_a_run_among_several() -> None:
    def cells(line: str) -> str:
        return " ".join(line.split())

    assert cells(HEADER) == "Run TTFB ms TTFT ms Max gap ms Total ms Tokens Start Conn Outcome"
    assert cells(row(ONE, "")) == "1 650.0 700.0 150.0 1000.0 60 cold new completed"
    last = replace(ONE, number=12, warm_up=True, cold_start=False, connection="reused", gaps_ms=[], max_gap_ms=None)
    assert cells(row(last, "B")) == "Bw12 650.0 700.0 - 1000.0 60 warm reused completed"
    slowest = dict.fromkeys(["ttfb_ms", "ttft_ms", "max_gap_ms", "total_ms"], 310_000.0)
    for run in (ONE, last, a_run(number=1000, **slowest)):
        assert row(run, "").index("completed") == HEADER.index("Outcome") == 64, "80 columns hold an outcome"


def test_what_a_run_has_no_value_for_is_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    nothing = dict.fromkeys(
        ["dns_ms", "connect_ms", "tls_ms", "headers_ms", "ttfb_ms", "total_ms", "connection", "status"]
    )
    nowhere = dict.fromkeys(["request_id", "trace_id"])
    run = a_failed_run("transport", error=Failure("curl_7", "Connection refused"), **nothing, **nowhere)
    lines = shown(report_of(run), capsys)
    assert lines[:2] == ["Outcome  transport: curl_7: Connection refused", ""]
    assert [fields(line) for line in lines[2:]] == [
        ["TTFB", "-", "DNS", "-", "Tokens", "- in, - out"],
        ["TTFT", "-", "Connect", "-", "TPOT", "-"],
        ["Max gap", "-", "TLS", "-", "Tokens/s", "-"],
        ["Total", "-", "Headers", "-", "Start", "-"],
    ]


def columns_of(chart: list[str], label: str) -> tuple[str, str, str]:
    """A chart's row as its number, its share, and what is drawn, which begins in the same column in every row."""
    rows = {
        match[1]: match for line in chart if (match := re.match(r"([A-Z].*?)  +([\d.]+)(?: ms)?(?: +(\d+ %))?", line))
    }
    drawing = max(match.end() for match in rows.values()) + 2
    return rows[label][2], rows[label][3] or "", rows[label].string[drawing:]


# Until the first text the parts, of which the network's is an estimate; where there is no text the phases.
PARTS = {
    "Network (estimate)": (0, 405),
    "Lambda (estimate)": (405, 405),
    "Bedrock": (405, 700),
    "Rest of the answer": (700, 1000),
}
PHASES = {
    "Connection": (0, 400),
    "Wait for headers": (400, 600),
    "Headers to first chunk": (600, 700),
    "Rest of the answer": (700, 1000),
}
BYTES = replace(ONE, format="bytes", ttft_ms=None)


@pytest.mark.parametrize("environment", [UTF_8, {"LC_ALL": "C"}], ids=["blocks", "ASCII"])
@pytest.mark.parametrize(("run", "spans"), [(ONE, PARTS), (BYTES, PHASES)], ids=["parts", "phases"])
def test_the_waterfall(
    tmp_path: Path, environment: Mapping[str, str], run: Run, spans: dict[str, tuple[int, int]]
) -> None:
    chart = below(in_a_pipe(report_of(run), tmp_path, environment).splitlines(), next(iter(spans)) + "  ")
    assert len(chart) == len(spans) + 1
    # They follow each other without a gap, from 0 to the total.
    width = 100 - len(f"{max(spans, key=len)}  405.0 ms  40 %  ")
    for label, (begin, end) in spans.items():
        number, share, drawn = columns_of(chart, label)
        assert float(number) == end - begin
        assert share == f"{(end - begin) / 10:.0f} %" or label in ("Network (estimate)", "Bedrock")
        if end > begin:
            first = len(drawn) - len(drawn.lstrip())
            assert first == pytest.approx(width * begin / 1000, abs=1), label
            assert len(drawn) == pytest.approx(width * end / 1000, abs=1), label
    assert sum(int(columns_of(chart, label)[1].split()[0]) for label in spans) == 100
    number, _, marks = columns_of(chart, "Chunks")
    assert number == "5"
    # Three chunks within 2 ms, one 98 ms later, one after a stall of 150 ms.
    found = [at for at, mark in enumerate(marks) if mark != " "]
    assert found == pytest.approx([width * at / 1000 for at in (700, 800, 950)], abs=1)
    many, few, also_few = (marks[at] for at in found)
    assert few == also_few
    ranking = "▁▂▃▄▅▆▇█" if environment is UTF_8 else ".:|#"
    assert ranking.index(many) == len(ranking) - 1
    assert ranking.index(few) <= len(ranking) // 2


def test_phases_that_a_kept_connection_does_not_have_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    kept = replace(BYTES, dns_ms=None, connect_ms=None, tls_ms=None, connection="reused")
    chart = below(shown(report_of(kept), capsys), "Wait for headers")
    assert [fields(line)[0] for line in chart] == [
        "Wait for headers",
        "Headers to first chunk",
        "Rest of the answer",
        "Chunks",
    ]
    assert columns_of(chart, "Wait for headers")[0] == "600.0"


def test_a_run_without_text_has_waited(capsys: pytest.CaptureFixture[str]) -> None:
    silent = a_failed_run("transport", headers_ms=None, ttfb_ms=None, total_ms=1000.0)
    chart = below(shown(report_of(silent), capsys), "Connection")
    assert [fields(line)[0] for line in chart] == ["Connection", "Wait for headers"]


def test_a_chunk_that_is_seen_a_hair_after_the_end_is_not_lost(tmp_path: Path) -> None:
    late = replace(ONE, gaps_ms=[300.001])
    chart = below(in_a_pipe(report_of(late), tmp_path).splitlines(), "Network (est")
    marks = columns_of(chart, "Chunks")[2]
    assert len(marks.split()) == 2
    assert len(marks) == 100 - len("Network (estimate)  405.0 ms  40 %  ")


@pytest.mark.parametrize("environment", [UTF_8, {"LC_ALL": "C"}], ids=["blocks", "ASCII"])
def test_the_histogram(tmp_path: Path, environment: Mapping[str, str]) -> None:
    values = [100.0, 100.0, 100.0, 124.9, 125.0, 149.0, 199.0, 200.0]
    runs = [a_run(number=number, ttft_ms=value) for number, value in enumerate(values, 1)]
    others = [a_run(number=1, warm_up=True, ttft_ms=150.0), a_failed_run("cut", number=9, ttft_ms=150.0)]
    chart = below(
        in_a_pipe(report_of(*others, *runs), tmp_path, environment, details=True).splitlines(), "TTFT, and how"
    )[1:]
    found = [re.fullmatch(r"(.+ ms) (\d+)(?: (\S+))?", line) for line in chart]
    assert all(found)
    assert [(match[1], int(match[2])) for match in found if match] == [
        ("100.0 to 125.0 ms", 4),
        ("125.0 to 150.0 ms", 2),
        ("150.0 to 175.0 ms", 0),
        ("175.0 to 200.0 ms", 2),
    ]
    lengths = [len(match[3] or "") for match in found if match]
    longest = 100 - len("100.0 to 125.0 ms 4 ")
    assert lengths == [longest, longest / 2, 0, longest / 2]


def a_distribution(first: float, **intervals: tuple[float, float]) -> Distribution:
    """One whose statistics are this number and the five after it, of as many values."""
    names = ("min", "p50", "p90", "p95", "p99", "max")
    told = {name: intervals.get(name) for name in ("p50", "p90", "p95", "p99")}
    return Distribution(count=int(first), **{name: first + number for number, name in enumerate(names)}, intervals=told)


FIGURES_SHOWN = {
    "ttfb": a_distribution(10.0, p50=(10.5, 11.5)),
    "ttft": a_distribution(310_000.0, p50=(310_000.0, 310_002.0), p95=(3.0, 4.0)),
    "gap": replace(a_distribution(30.0), p95=None, p99=None),
    "output_tokens_per_second": a_distribution(50.0),
    "total": a_distribution(40.0),
}


def with_figures(figures: dict[str, Distribution]) -> Report:
    report = report_of(a_run(number=1), a_run(number=2), slowest=None)
    return replace(report, summary=replace(report.summary, figures=figures))


def test_several_runs_begin_with_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(with_figures(FIGURES_SHOWN), capsys)
    assert [fields(line) for line in lines] == [
        ["2 of 2 runs completed, firstbyte-sse"],
        [],
        ["n", "min", "p50", "p95", "max", "95 % interval of p50"],
        ["TTFT ms", *["310000", "310000.0", "310001.0", "310003.0", "310005.0", "310000.0 to 310002.0"]],
        ["Gap ms", "30", "30.0", "31.0", "-", "35.0", "-"],
        ["Total ms", "40", "40.0", "41.0", "43.0", "45.0", "-"],
        ["Tokens/s", "50", "50.0", "51.0", "53.0", "55.0", "-"],
        ["p95 takes 20 values"],
    ]
    assert max(map(len, lines)) <= 80


def test_a_percentile_that_no_figure_has_enough_runs_for_has_no_column(capsys: pytest.CaptureFixture[str]) -> None:
    runs = [a_run(number=number, gaps_ms=[1.0, 2.0]) for number in (1, 2, 3)]
    lines = shown(report_of(*runs), capsys)
    assert fields(below(lines, "min")[0]) == ["n", "min", "p50", "max"]
    assert below(lines, "min")[-1] == "p95 takes 20 values"
    full = below(shown(report_of(*runs), capsys, details=True), "All figures")
    assert fields(full[1]) == ["n", "min", "p50", "max"]
    assert full[-1] == "p90 takes 10 values, p95 takes 20 values, p99 takes 100 values"


def test_all_distributions_and_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(with_figures(FIGURES_SHOWN), capsys, details=True)
    assert [fields(line) for line in below(lines, "All figures")[1:]] == [
        ["n", "min", "p50", "p90", "p95", "p99", "max"],
        ["TTFT ms", *["310000", "310000.0", "310001.0", "310002.0", "310003.0", "310004.0", "310005.0"]],
        ["Gap ms", "30", "30.0", "31.0", "32.0", "-", "-", "35.0"],
        ["Total ms", "40", "40.0", "41.0", "42.0", "43.0", "44.0", "45.0"],
        ["Tokens/s", "50", "50.0", "51.0", "52.0", "53.0", "54.0", "55.0"],
        ["TTFB ms", "10", "10.0", "11.0", "12.0", "13.0", "14.0", "15.0"],
        ["p95 takes 20 values, p99 takes 100 values"],
    ]
    assert [fields(line) for line in below(lines, "95 % interval")] == [
        ["95 % interval", "p50", "p95"],
        ["TTFT ms", "310000.0 to 310002.0", "3.0 to 4.0"],
        ["TTFB ms", "10.5 to 11.5", "-"],
    ]
    assert max(map(len, below(lines, "All figures"))) <= 80


def test_cold_starts_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    report = report_of(a_run(number=1), a_run(number=2))
    cold = {"ttft": a_distribution(10.0), "ttfb": a_distribution(20.0), "total": a_distribution(90.0)}
    warm = {"ttft": a_distribution(30.0), "ttfb": a_distribution(40.0), "total": a_distribution(91.0)}
    summary = replace(report.summary, cold_starts=10, cold=cold, warm=warm)
    lines = shown(replace(report, summary=summary), capsys, details=True)
    assert lines[0] == "2 of 2 runs completed, 10 cold starts, firstbyte-sse"
    assert [fields(line)[:3] for line in below(lines, "Cold starts told apart")[2:]] == [
        ["TTFB ms, cold", "20", "20.0"],
        ["TTFB ms, warm", "40", "40.0"],
        ["TTFT ms, cold", "10", "10.0"],
        ["TTFT ms, warm", "30", "30.0"],
    ]
    for details in (True, False):
        assert "cold" not in "\n".join(shown(report, capsys, details=details)).lower()


def test_where_the_time_of_the_slowest_run_went(capsys: pytest.CaptureFixture[str]) -> None:
    slowest = replace(ONE, number=7)
    told = Breakdown(slowest, 300.0, 50.0, 350.0, 300.0, None)
    runs = (a_run(number=1), slowest)
    title = f"Slowest TTFT: run 7, 700.0 ms, trace {ONE.trace_id}"
    assert shown(report_of(*runs, slowest=told), capsys)[-1] == title
    lines = below(shown(report_of(*runs, slowest=told), capsys, details=True), "Slowest TTFT")
    assert lines[0] == title
    assert [fields(line)[:3] for line in lines[1:5]] == [
        ["Network (estimate)", "300.0 ms", "30 %"],
        ["Lambda (estimate)", "50.0 ms", "5 %"],
        ["Bedrock", "350.0 ms", "35 %"],
        ["Rest of the answer", "300.0 ms", "30 %"],
    ]
    assert len(lines) == 6
    half_told = Breakdown(slowest, None, None, 350.0, 300.0, LONG_URL)
    lines = below(shown(report_of(*runs, slowest=half_told), capsys, details=True), "Slowest TTFT")
    assert lines[:2] == ["Slowest TTFT: run 7, 700.0 ms", LONG_URL]
    assert [fields(line)[:3] for line in lines[2:5]] == [
        ["Network and Lambda", "350.0 ms", "35 %"],
        ["Bedrock", "350.0 ms", "35 %"],
        ["Rest of the answer", "300.0 ms", "30 %"],
    ]


def test_bursts_are_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    burst = {"delivery": "burst", "ttft_ms": 1490.0, "total_ms": 1500.0, "gaps_ms": [0.1] * 9}
    timing = {"ttft_ms": 500.0, "duration_ms": 1480.0}
    runs = [a_run(number=1), a_run(number=2, timing=timing, **burst), a_run(number=3, timing=timing, **burst)]
    [warning] = [line for line in unfolded(shown(report_of(*runs), capsys)) if "burst" in line]
    assert warning.startswith("2 of 3 answers came in one burst: in run 2 the client waited 1490 ms for the first text")
    assert "the function wrote for 980 ms" in warning
    [warning] = [line for line in unfolded(shown(report_of(runs[1]), capsys)) if "burst" in line]
    assert warning.startswith("1 of 1 answers came in one burst")
    assert "burst" not in "\n".join(shown(report_of(runs[0]), capsys))


def unfolded(lines: list[str]) -> list[str]:
    """Each section in one line."""
    return [" ".join(group) for filled, group in groupby(lines, key=bool) if filled]


def test_failures_are_grouped(capsys: pytest.CaptureFixture[str]) -> None:
    throttled = Failure("throttled", "Too many\nrequests")
    refused = a_failed_run("transport", number=4, error=Failure("curl_7", "refused"))
    runs = [
        a_run(number=1),
        a_failed_run("http_error", number=2, status=403, error=Failure("denied", "No")),
        a_failed_run("http_error", number=3, status=429, error=throttled),
        refused,
        replace(refused, number=5, error=Failure("curl_7", "refused again")),
        a_failed_run("interrupted", number=6, error=Failure("interrupted", "stopped")),
        replace(refused, number=1, warm_up=True),
    ]
    lines = shown(report_of(*runs), capsys)
    assert [re.split("  +", line.strip()) for line in below(lines, "failed  outcome")] == [
        ["failed", "outcome", "type", "message"],
        ["2", "transport", "curl_7", "refused"],
        ["1", "http_error 403", "denied", "No"],
        ["1", "http_error 429", "throttled", "Too many requests"],
    ]
    assert lines[0] == ("1 of 5 runs completed (6 were asked for), after 1 to warm up that do not count, firstbyte-sse")


def test_objectives(capsys: pytest.CaptureFixture[str]) -> None:
    verdicts = [
        Verdict(Objective("ttft_p95", 800.0, "0.8s"), 800.04, False),
        Verdict(Objective("total_max", 2000.0, "2000ms"), 1900.0, True),
        Verdict(Objective("failures", 1.0, "1%"), 0.5, True),
        Verdict(Objective("tpot_p50", 10.0, "10ms"), None, False, "no completed run has a TPOT"),
    ]
    for runs in ([a_run()], [a_run(number=1), a_run(number=2)]):
        lines = shown(report_of(*runs, verdicts=verdicts), capsys)
        assert [re.split("  +", line) for line in below(lines, "objective")] == [
            ["objective", "limit", "value"],
            ["ttft_p95", "0.8s", "missed", "800.04 ms"],
            ["total_max", "2000ms", "met", "1900 ms"],
            ["failures", "1%", "met", "0.5 %"],
            ["tpot_p50", "10ms", "unproven", "no completed run has a TPOT"],
        ]


def a_comparison(difference: Difference, *, buffered: bool = False) -> Report:
    runs = [a_run(number=number, ttft_ms=300.0) for number in (1, 2)]
    against = a_series(
        *(a_run(number=number, ttft_ms=1720.0, total_ms=1720.0) for number in (1, 2)),
        url="http://127.0.0.1:9/",
        buffered=buffered,
    )
    others = {"total": Difference(818.0, 667.8, 913.3, 1.475), "dns": Difference(0.0, None, None, None)}
    return replace(a_report(*runs, against=against), differences={"ttft": difference, **others})


def test_a_comparison(capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(a_comparison(Difference(-1420.0, -1470.4, -1380.0, 0.174)), capsys)
    assert lines == [
        "A's first text came 1.42 s earlier than B's (95 % interval 1.380 s to 1.470 s).",
        "",
        "p50, ms      A       B    A - B       95 % interval  ratio",
        "TTFT     300.0  1720.0  -1420.0  -1470.4 to -1380.0  0.174",
        "Total    505.0  1720.0   +818.0    +667.8 to +913.3  1.475",
        "",
        "A  https://abc123.lambda-url.eu-west-1.on.aws/ (eu-west-1), streamed, from 2026-11-22T16:00:00Z",
        "B  http://127.0.0.1:9/ (eu-west-1), streamed, from 2026-11-22T16:00:00Z",
        "",
        "A: 2 of 2 runs completed, firstbyte-sse",
        "B: 2 of 2 runs completed, firstbyte-sse",
        "",
        "A: Slowest TTFT: run 1, 300.0 ms",
        f"{CONSOLE}{ONE.trace_id}",
    ]
    lines = shown(a_comparison(Difference(-1420.0, -1470.4, -1380.0, 0.174)), capsys, details=True)
    assert "DNS        5.0     5.0     +0.0                   -      -" in lines
    for name in "AB":
        assert f"{name}: All figures" in lines


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (
            Difference(-1420.0, -1470.4, -1380.0, 0.1),
            "1.42 s earlier than in one piece (95 % interval 1.380 s to 1.470 s).",
        ),
        (Difference(20.0, 10.0, 1030.0, 1.1), "20.0 ms later than in one piece (95 % interval 10.0 ms to 1.030 s)."),
        (Difference(-20.0, None, None, None), "20.0 ms earlier than in one piece (too few runs for an interval)."),
        (
            Difference(-20.0, -50.0, 10.0, None),
            "20.0 ms earlier than in one piece, which may be chance: the 95 % interval, -50.0 to +10.0 ms, holds 0.",
        ),
    ],
)
def test_the_headline_of_streaming(difference: Difference, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = shown(a_comparison(difference, buffered=True), capsys)
    assert "B  http://127.0.0.1:9/ (eu-west-1), in one piece, from 2026-11-22T16:00:00Z" in lines
    assert unfolded(lines)[0] == f"Streamed, the first text came {words}"


NASTY = a_failed_run(
    error=Failure("[bold]red[/bold]", "a :smile:\x1b]0;title\x07 [link=http://x]b\r\n\u2028c[/link] \x9b31m"),
    request_id="[red]id\x1b[1m",
    trace_id="[i]trace\x1b[2J",
)


def test_what_has_no_encoding_stops_nothing(tmp_path: Path) -> None:
    written = in_a_pipe(everything(), tmp_path, {**UTF_8, "PYTHONIOENCODING": "utf-8:replace"})
    assert re.findall("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028]", written) == []
    assert "\u20ac" in written
    assert "?" in written


@pytest.mark.parametrize("number_of_runs", [1, 2])
def test_text_from_the_server_is_shown_as_it_is_without_control_characters(tmp_path: Path, number_of_runs: int) -> None:
    runs = [replace(NASTY, number=number + 1) for number in range(number_of_runs)]
    report = report_of(*runs, slowest=Breakdown(replace(runs[0], ttft_ms=1.0), 1.0, 1.0, 1.0, 1.0, None))
    written = on_a_terminal(report, tmp_path, {**UTF_8, "NO_COLOR": "1"}, columns=100)
    assert re.findall("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028]", written) == []
    assert "[bold]red[/bold]" in written
    assert "a :smile:]0;title [link=http://x]b c[/link] 31m" in written
    assert "[i]trace[2J" in written


def test_nothing_is_cut_off(tmp_path: Path) -> None:
    message = " ".join(f"word{number}" for number in range(100)) + " " + "x" * 200
    trace_id = "t" * 150
    failed = a_failed_run(number=1, error=Failure("y" * 120, message), trace_id=trace_id)
    several = report_of(
        a_run(number=3), failed, slowest=Breakdown(replace(ONE, trace_id=trace_id), 300.0, 50.0, 350.0, 300.0, LONG_URL)
    )
    for output in (
        in_a_pipe(report_of(failed), tmp_path),
        in_a_pipe(several, tmp_path, details=True),
        on_a_terminal(several, tmp_path, {**UTF_8, "NO_COLOR": "1"}, details=True),
    ):
        together = re.sub(r"\s+", "", output)
        assert together.count("x") >= 200
        assert together.count("y") >= 120
        assert together.count(trace_id) + together.count(LONG_URL) == 1
        assert re.findall(r"word\d+", output) == [f"word{number}" for number in range(100)]
        assert "…" not in output
    assert in_a_pipe(several, tmp_path).splitlines()[-1] == LONG_URL


def test_numbers_stay_whole_in_a_narrow_window(tmp_path: Path) -> None:
    report = report_of(a_run(number=1), a_run(number=2, ttft_ms=310_000.0, total_ms=310_500.0))
    written = on_a_terminal(report, tmp_path, {**UTF_8, "NO_COLOR": "1"}, columns=40)
    numbers = "TTFT ms 2 400.0 155200.0 310000.0"
    assert numbers in [" ".join(line.split()) for line in written.splitlines()]


@pytest.mark.parametrize(("columns", "used"), [(80, 80), (300, 100)])
def test_charts_fill_the_window_and_tables_stay_together_in_a_wide_one(tmp_path: Path, columns: int, used: int) -> None:
    slow = [a_run(number=number, ttft_ms=1000.0 * number, total_ms=310_000.0) for number in range(1, 101)]
    series = a_series(*(replace(run, ttft_ms=310_000.0) for run in slow))
    report = a_report(*slow, against=series, slo="ttft_p95=800ms,failures=1%")
    intervals = {name: Difference(-310_000.0, -310_000.0, 310_000.0, 1000.0) for name in report.differences}
    report = replace(report, differences=intervals)
    lines = on_a_terminal(report, tmp_path, {**UTF_8, "NO_COLOR": "1"}, columns, details=True).splitlines()
    assert max(len(line) for line in lines if "https://" not in line) == used


def test_colour_is_for_terminals_that_want_it(tmp_path: Path) -> None:
    report = report_of(ONE)
    url = f"{CONSOLE}{ONE.trace_id}"
    coloured = on_a_terminal(report, tmp_path)
    assert re.search(r"\x1b\[32mcompleted *\x1b\[0m", coloured)
    assert re.search(rf"\x1b\]8;id=\d+;{re.escape(url)}\x1b\\", coloured)
    for environment in ({**UTF_8, "NO_COLOR": "1"}, {**UTF_8, "TERM": "dumb"}):
        plain = on_a_terminal(report, tmp_path, environment)
        assert "\x1b" not in plain
        assert url in plain
    assert "\x1b" not in in_a_pipe(report, tmp_path, {**UTF_8, "FORCE_COLOR": "1"})


@pytest.mark.parametrize("environment", [{"LC_ALL": "C"}, {**UTF_8, "PYTHONIOENCODING": "ascii"}])
def test_without_block_characters_there_is_ascii(tmp_path: Path, environment: Mapping[str, str]) -> None:
    for report in (
        report_of(ONE),
        report_of(*(a_run(number=number, ttft_ms=100.0 * number) for number in range(1, 9))),
        a_comparison(Difference(-20.0, -50.0, 10.0, None)),
    ):
        assert in_a_pipe(report, tmp_path, environment, details=True).isascii()
        assert "█" in in_a_pipe(report, tmp_path, UTF_8, details=True)


def test_a_call_that_was_stopped_before_its_first_run_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    asked = Conditions(1, 1, 1, False, 0.0, 1, None, None)
    result = a_result(a_series(a_failed_run("interrupted", warm_up=True)), conditions=asked)
    lines = shown(build(result, [], paired=False), capsys)
    assert lines == ["0 of 0 runs completed (1 were asked for), after 1 to warm up that do not count"]
