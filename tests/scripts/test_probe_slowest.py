"""Where the time of the slowest first token went."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probe.analysis.shares import shares
from probe.analysis.slowest import Breakdown, break_down
from probe.errors import UsageError
from probe.measurement import Run
from probe_runs import a_failed_run, a_run, a_series

TRACE = "1-6b030131-8fd1ae13fe08516f32bb61df"


def parts(run: Run) -> tuple[float | None, ...]:
    found = broken_down(run)
    return found.network_ms, found.lambda_ms, found.bedrock_ms, found.untold_ms, found.rest_ms


def broken_down(*runs: Run, **series: Any) -> Breakdown:
    found = break_down(a_series(*runs, **series))
    assert found is not None
    return found


def test_the_slowest_first_token_of_the_completed_runs() -> None:
    slowest = a_run(number=3, ttft_ms=450.0, total_ms=600.0)
    found = broken_down(
        a_run(number=1, warm_up=True, ttft_ms=5000.0),
        a_run(number=1, ttft_ms=400.0, total_ms=9000.0),
        a_failed_run("cut", number=2, ttft_ms=5000.0),
        slowest,
        a_run(number=4, ttft_ms=None),
    )
    assert found.run is slowest


def test_without_a_first_token_there_is_none() -> None:
    assert break_down(a_series(a_run(ttft_ms=None), a_failed_run("cut", ttft_ms=5.0))) is None


def test_the_parts() -> None:
    run = a_run(dns_ms=5.0, connect_ms=15.0, tls_ms=30.0, ttft_ms=400.0, total_ms=505.0, timing={"ttft_ms": 295.1234})
    # The handshake of TCP is a round trip, and the request and its answer are another.
    assert parts(run) == (65.0, 39.877, 295.123, 0.0, 105.0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"timing": None}, (65.0, None, None, 335.0, 105.0)),
        ({"timing": {"ttft_ms": None}}, (65.0, None, None, 335.0, 105.0)),
        ({"timing": {"ttft_ms": "300"}}, (65.0, None, None, 335.0, 105.0)),
        ({"connection": "reused"}, (None, None, 295.0, 105.0, 105.0)),
        ({"connection": None}, (None, None, 295.0, 105.0, 105.0)),
        ({"connect_ms": None}, (None, None, 295.0, 105.0, 105.0)),
        ({"connection": "reused", "timing": None}, (None, None, None, 400.0, 105.0)),
        ({"dns_ms": None, "tls_ms": None}, (30.0, 75.0, 295.0, 0.0, 105.0)),
        # Too much for the time until the first token: the network's share is the one that is estimated.
        ({"timing": {"ttft_ms": 360.0}}, (40.0, 0.0, 360.0, 0.0, 105.0)),
        ({"timing": {"ttft_ms": 400.0}}, (0.0, 0.0, 400.0, 0.0, 105.0)),
        ({"timing": {"ttft_ms": 4000.0}}, (0.0, 0.0, 400.0, 0.0, 105.0)),
        ({"timing": None, "connect_ms": 300.0}, (400.0, None, None, 0.0, 105.0)),
    ],
)
def test_what_cannot_be_told_apart_stays_together(fields: dict[str, Any], expected: tuple[float | None, ...]) -> None:
    assert parts(a_run(ttft_ms=400.0, total_ms=505.0, **fields)) == expected


times = st.floats(0.0, 1e5).map(lambda value: round(value, 3))


@given(
    st.none() | times,
    st.none() | times,
    st.none() | times,
    times,
    times,
    st.none() | times,
    st.sampled_from(["new", "reused"]),
)
def test_the_parts_are_the_whole(
    dns: float | None,
    connect: float | None,
    tls: float | None,
    ttft: float,
    rest: float,
    bedrock: float | None,
    connection: str,
) -> None:
    run = a_run(
        dns_ms=dns,
        connect_ms=connect,
        tls_ms=tls,
        ttft_ms=ttft,
        total_ms=round(ttft + rest, 3),
        timing={"ttft_ms": bedrock},
        connection=connection,
    )
    found = parts(run)
    assert sum(part or 0.0 for part in found) == pytest.approx(ttft + rest, abs=0.002)
    assert all(part is None or part >= 0.0 for part in found)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, {"Network (estimate)": 65.0, "Lambda (estimate)": 40.0, "Bedrock": 295.0, "Rest of the answer": 105.0}),
        (
            {"timing": None},
            {"Network (estimate)": 65.0, "Lambda and Bedrock (estimate)": 335.0, "Rest of the answer": 105.0},
        ),
        # What is left of a known time without an estimate in it is none.
        ({"connection": "reused"}, {"Network and Lambda": 105.0, "Bedrock": 295.0, "Rest of the answer": 105.0}),
        (
            {"connection": "reused", "timing": None},
            {"Network and Lambda and Bedrock": 400.0, "Rest of the answer": 105.0},
        ),
        (
            {"format": "openai", "timing": None},
            {"Network (estimate)": 65.0, "Server (estimate)": 335.0, "Rest of the answer": 105.0},
        ),
    ],
)
def test_parts_have_names_in_the_order_of_time_and_estimates_say_so(
    fields: dict[str, Any], expected: dict[str, float]
) -> None:
    found = broken_down(a_run(ttft_ms=400.0, total_ms=505.0, **fields))
    assert list(found.parts.items()) == list(expected.items())
    begin = 0.0
    for (name, ms), span in zip(found.parts.items(), found.spans, strict=True):
        assert span == (name, begin, begin + ms)
        begin += ms


@given(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=8))
def test_shares_add_up_to_100_and_are_off_by_less_than_one(parts: list[float]) -> None:
    found = shares(parts)
    if not sum(parts):
        assert found == [0] * len(parts)
        return
    assert sum(found) == 100
    assert all(abs(share - 100 * part / sum(parts)) < 1.000_001 for share, part in zip(found, parts, strict=True))


def test_the_largest_remainder_is_rounded_up() -> None:
    # Each rounded for itself they would be 101.
    assert shares([16.6, 16.5, 66.9]) == [17, 16, 67]
    assert shares([1.0, 1.0, 1.0]) == [34, 33, 33]


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("eu-west-1", "https://eu-west-1.console.aws.amazon.com/cloudwatch/home?region=eu-west-1#xray:traces/"),
        ("cn-north-1", "https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1#xray:traces/"),
        (
            "us-gov-west-1",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/cloudwatch/home?region=us-gov-west-1#xray:traces/",
        ),
    ],
)
def test_the_trace_has_a_link_to_its_partitions_console(region: str, expected: str) -> None:
    url = f"https://abc123.lambda-url.{region}.on.aws/"
    assert broken_down(a_run(trace_id=TRACE), url=url, region=region).trace_url == expected + TRACE


@pytest.mark.parametrize("url", ["http://127.0.0.1:4711/", "http://localhost:4711/", "https://[::1]:4711/"])
def test_the_sandbox_has_no_console(url: str) -> None:
    assert broken_down(a_run(trace_id=TRACE), url=url).trace_url is None


@pytest.mark.parametrize("trace_id", [None, "t", f"{TRACE}/../x", f"{TRACE}0", "1-6b030131-8FD1ae13fe08516f32bb61df"])
def test_what_is_no_trace_id_has_no_link(trace_id: str | None) -> None:
    assert broken_down(a_run(trace_id=trace_id)).trace_url is None


def test_a_url_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError):
        break_down(a_series(a_run(), url="ftp://example.com/"))
