"""Reports of made-up runs, one of them with everything that a report can have, and texts that a bad server may send."""

from probe.analysis.objectives import parse
from probe.analysis.report import Report, build
from probe.measurement import Failure, Run
from probe.result import Series
from probe_runs import a_failed_run, a_result, a_run, a_series

# It ends a script, an attribute and a table, moves a cursor, is no XML, breaks a line, and has no encoding.
NASTY = "=cmd|' /C calc'!A0</script><script>alert(1)</script>\"'&<b>]]>\x1b[2J\x9b\x00\ufffe\ud800\r\n\u2028\u20ac"


def a_report(*runs: Run, slo: str | None = None, against: Series | None = None) -> Report:
    """The report of these runs."""
    return build(a_result(a_series(*runs), against), parse(slo) if slo else [], paired=against is not None)


def everything() -> Report:
    """Warm-up, cold start, burst, every kind of failure, a stopped run, objectives met and missed, and a comparison."""
    nasty = a_failed_run(
        number=13, error=Failure(NASTY, NASTY), model=NASTY, request_id=NASTY, trace_id=NASTY, stop_reason=NASTY
    )
    runs = [
        a_run(warm_up=True, cold_start=True, ttft_ms=5000.0, total_ms=5105.0),
        *(a_run(number=number, ttft_ms=100.0 * number, total_ms=100.0 * number + 105) for number in range(1, 8)),
        a_run(number=8, ttft_ms=1600.0, total_ms=1605.0, cold_start=True, delivery="burst"),
        a_run(number=9, connection="reused", dns_ms=None, connect_ms=None, tls_ms=None, cold_start=None),
        a_failed_run("cut", number=10, usage={"input_tokens": 8}, timing={"ttft_ms": 1.5}),
        a_failed_run("transport", number=11),
        a_failed_run("error", number=12),
        nasty,
        a_failed_run("interrupted", number=14, total_ms=None, error=Failure("interrupted", "stopped")),
    ]
    others = [a_run(number=number, ttft_ms=900.0, total_ms=900.0, gaps_ms=[], delivery=None) for number in range(1, 8)]
    against = a_series(*others, a_failed_run(number=8, error=Failure(NASTY, NASTY)), buffered=True)
    return a_report(*runs, slo="ttft_p50=650ms,total_max=1s,failures=1%,tpot_p50=2s,bursts=0%", against=against)
