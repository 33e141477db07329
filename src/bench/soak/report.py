"""The report of a soak: tables for people in 80 columns, and the same as a document. Writes nothing itself."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bench.soak.books import Check
from bench.soak.client import Seen
from bench.soak.run import CLIENTS, Result

_WIDTH = 80
_HELD = {
    "processes": "processes below it",
    "sockets": "sockets",
    "descriptors": "descriptors",
    "threads": "threads",
    "megabytes": "memory in MB",
}


def document(result: Result) -> dict[str, Any]:
    """Return everything that the report says, for programs."""
    faults = []
    for fault, seen in _by_fault(result).items():
        endings = [
            {**dict(zip(("status", "ending", "error_type", "throttled"), key, strict=True)), "count": count}
            for key, count in Counter((s.status, s.ending, s.error_type, s.throttled) for s in seen).most_common()
        ]
        faults.append({"fault": fault, "requests": len(seen), "seen": endings, "recorded": _recorded(seen, result)})
    return {
        "schema_version": 2,
        "subject": "soak",
        "requests": len(result.seen),
        "seed": result.seed,
        "seconds": result.seconds,
        "balances": result.balances,
        "faults": faults,
        "disturbances": dict(result.disturbances),
        "resources": dict(zip(("before", "half", "after"), map(asdict, result.held), strict=True)),
        "end_seconds": result.end_seconds,
        "checks": [{**asdict(check), "balances": check.balances} for check in result.checks],
    }


def tables(result: Result) -> RenderableType:
    """Return the tables."""
    return Group(
        f"{len(result.seen)} requests by {CLIENTS} clients in {result.seconds:.0f} s, seed {result.seed}",
        "",
        _faults(result),
        "",
        _disturbances(result),
        "",
        _resources(result),
        "",
        _checks(result),
        *_examples(result),
        "",
        _judgement(result),
    )


def _faults(result: Result) -> Table:
    table = _table("fault", ">requests", "what the clients saw", "what was recorded")
    for fault, seen in _by_fault(result).items():
        saw = Counter(map(_words, seen)).most_common()
        recorded = Counter(_recorded(seen, result)).most_common()
        table.add_row(fault, str(len(seen)), _counts(dict(saw)), _counts(dict(recorded)))
    return table


def _words(one: Seen) -> str:
    if one.throttled:
        return "429 of Lambda"
    status = "no status" if one.status is None else str(one.status)
    return " ".join(filter(None, (status, one.ending, one.error_type)))


def _recorded(seen: list[Seen], result: Result) -> dict[str, int]:
    """Return how many of these requests the function recorded with each outcome."""
    outcomes = {line["trace_id"]: line["outcome"] for line in result.records.finished}
    found = Counter(outcomes[one.trace_id] for one in seen if one.trace_id in outcomes)
    trace_of = dict(result.records.reports)
    died = {trace_of[request_id] for request_id in result.records.died}
    unrecorded = sum(one.trace_id in died and one.trace_id not in outcomes for one in seen)
    return dict(found) | ({"environment died": unrecorded} if unrecorded else {})


def _counts(counts: Mapping[str, int]) -> str:
    return "\n".join(f"{count} x {words}" for words, count in counts.items())


def _disturbances(result: Result) -> Table:
    table = _table("what happened to the sandbox", ">times")
    for name, count in sorted(result.disturbances.items()):
        table.add_row(name, str(count))
    return table


def _resources(result: Result) -> Table:
    table = _table("what the sandbox held", ">before", ">half way", ">after")
    for name, words in _HELD.items():
        table.add_row(words, *(f"{getattr(held, name):.0f}" for held in result.held))
    return table


def _checks(result: Result) -> Table:
    table = _table("the books", ">expected", ">found", "")
    for check in result.checks:
        table.add_row(check.what, _number(check.expected), _number(check.found), "" if check.balances else "differ")
    return table


def _examples(result: Result) -> list[Text]:
    return [
        Text(f"  {check.what}: {example}")
        for check in result.checks
        if not check.balances
        for example in check.examples
    ]


def _judgement(result: Result) -> Text:
    wrong: list[Check] = [check for check in result.checks if not check.balances]
    if wrong:
        return Text(f"{len(wrong)} of {len(result.checks)} checks do not balance.", style="bold red")
    return Text(f"All {len(result.checks)} checks balance. It ended in {result.end_seconds:.1f} s.", style="bold")


def _by_fault(result: Result) -> dict[str, list[Seen]]:
    found: dict[str, list[Seen]] = {}
    for one in sorted(result.seen, key=lambda one: one.fault):
        found.setdefault(one.fault, []).append(one)
    return found


def _number(value: float) -> str:
    return f"{value:g}" if value < 1e6 else str(int(value))


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), width=_WIDTH, header_style="bold")
    for title in titles:
        table.add_column(title.removeprefix(">"), justify="right" if title[:1] == ">" else "left")
    return table
