"""Where a run's time went: network, Lambda, Bedrock, the rest of the answer; and which run had the slowest TTFT."""

import re
from dataclasses import dataclass
from itertools import accumulate

from ..formats import BY_FIRSTBYTE
from ..measurement import NEW, Run
from ..reported import milliseconds as reported
from ..result import Series
from ..rounding import milliseconds
from ..target import parse_url

# https://docs.aws.amazon.com/xray/latest/devguide/xray-api-sendingdata.html#xray-api-traceids
_TRACE_ID = re.compile(r"1-[0-9a-f]{8}-[0-9a-f]{24}")

# Where the console is, by how the names of a partition's regions begin.
# https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html
_CONSOLES = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com", "": "console.aws.amazon.com"}


@dataclass(frozen=True)
class Breakdown:
    """One run's total in parts, in milliseconds; those that are known and `untold_ms` add up to `run.total_ms`.

    Attributes:
        run: Which run.
        network_ms: DNS, TCP, TLS and one round trip, for which the TCP handshake stands. None on a connection that was
            there already: nobody has seen how long a round trip on it takes.
        lambda_ms: What else there is until the first token: Lambda, the environment's start, the handler's own work, a
            model that was asked in vain before, and whatever holds text back. None if one of the other two is None.
        bedrock_ms: From the model request to the first token, as the function says; None when it does not.
        rest_ms: From the first text to the end.
        trace_url: The trace in the console, or None in the sandbox or without a trace id.
    """

    run: Run
    network_ms: float | None
    lambda_ms: float | None
    bedrock_ms: float | None
    rest_ms: float
    trace_url: str | None

    @property
    def untold_ms(self) -> float:
        """What belongs to the parts that are None, together; they cannot be told apart. 0 when none is."""
        known = (self.network_ms, self.lambda_ms, self.bedrock_ms, self.rest_ms)
        return milliseconds((self.run.total_ms or 0.0) - sum(part or 0.0 for part in known))

    @property
    def parts(self) -> dict[str, float]:
        """The parts with their names for people, as they follow each other; those that cannot be told apart are one.

        A round trip is not measured, so the network's part is an estimate, and what it leaves to others is, too.
        """
        before = {"Network": self.network_ms}
        if self.run.format in (None, *BY_FIRSTBYTE):
            before |= {"Lambda": self.lambda_ms, "Bedrock": self.bedrock_ms}
        else:  # what is behind another server's URL is unknown
            before |= {"Server": None}
        untold = " and ".join(name for name, value in before.items() if value is None)
        found: dict[str, float] = {}
        for name, value in before.items():
            is_estimate = self.network_ms is not None and (name != "Bedrock" or value is None)
            shown = f"{untold if value is None else name}{' (estimate)' if is_estimate else ''}"
            found[shown] = self.untold_ms if value is None else value
        return found | {"Rest of the answer": self.rest_ms}

    @property
    def spans(self) -> list[tuple[str, float, float]]:
        """The parts with their begin and end in milliseconds."""
        ends = list(accumulate(self.parts.values()))
        return list(zip(self.parts, [0.0, *ends], ends, strict=False))


def break_down(series: Series) -> Breakdown | None:
    """The parts of that counted and completed run whose first token came last; None if none of them has one.

    Raises:
        UsageError: The series' URL is none; it comes out of a saved result that somebody has changed.
    """
    runs = [run for run in series.completed if run.ttft_ms is not None]
    if not runs:
        return None
    return taken_apart(max(runs, key=lambda run: run.ttft_ms or 0.0), series)


def taken_apart(run: Run, series: Series) -> Breakdown:
    """The parts of this run of the series, which has a first token and a total.

    Raises:
        UsageError: The series' URL is none.
    """
    ttft_ms, total_ms = run.ttft_ms or 0.0, run.total_ms or 0.0
    said, network_ms = reported(run.timing, "ttft_ms"), _network(run)
    bedrock_ms = None if said is None else min(milliseconds(said), ttft_ms)
    if network_ms is not None:  # an estimate, which gives way where it and the function's account are too much
        network_ms = min(network_ms, milliseconds(ttft_ms - (bedrock_ms or 0.0)))
    known = network_ms is not None and bedrock_ms is not None
    return Breakdown(
        run=run,
        network_ms=network_ms,
        lambda_ms=milliseconds(ttft_ms - (network_ms or 0.0) - (bedrock_ms or 0.0)) if known else None,
        bedrock_ms=bedrock_ms,
        rest_ms=milliseconds(total_ms - ttft_ms),
        trace_url=trace_url(run, series),
    )


def _network(run: Run) -> float | None:
    if run.connection != NEW or run.connect_ms is None:
        return None
    return milliseconds((run.dns_ms or 0.0) + 2 * run.connect_ms + (run.tls_ms or 0.0))


def trace_url(run: Run, series: Series) -> str | None:
    """Where the console shows the run's trace; None in the sandbox or without a trace id."""
    if not _TRACE_ID.fullmatch(run.trace_id or "") or series.region is None:
        return None
    if parse_url(series.url, None, {}, signed=False).is_local:
        return None
    host = next(host for beginning, host in _CONSOLES.items() if series.region.startswith(beginning))
    return f"https://{series.region}.{host}/cloudwatch/home?region={series.region}#xray:traces/{run.trace_id}"
