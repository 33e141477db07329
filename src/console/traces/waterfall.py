"""A trace as a waterfall: its segments and subsegments as bars, each under the one that it belongs to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

# A shorter time in which nothing is recorded is no row of its own: this part of the whole, and so many milliseconds.
_GAP_SHARE, _GAP_MS = 0.03, 1.0
# A document has at most 64 KB; what is nested deeper is drawn at this depth.
_DEEPEST = 20
_KINDS = {"AWS::Lambda": "Lambda service", "AWS::Lambda::Function": "Lambda function"}
GAP = "nothing recorded"

Document = Mapping[str, Any]


@dataclass(frozen=True)
class Bar:
    """One row. Times are milliseconds from the trace's start.

    Attributes:
        depth: how many others it is in.
        name: the segment's.
        kind: what made it, such as "Lambda service"; empty for the function's own work.
        about: what it called, such as a model; empty if it says nothing.
        start_ms: its start.
        duration_ms: its length; None while it has no end.
        failure: what went wrong, in a word or two; empty if nothing did.
        causes: the exceptions that it names.
        is_gap: whether it is a time in which nothing is recorded.
    """

    depth: int
    name: str
    kind: str
    about: str
    start_ms: float
    duration_ms: float | None
    failure: str = ""
    causes: tuple[str, ...] = ()
    is_gap: bool = False


@dataclass(frozen=True)
class Waterfall:
    """All bars; the trace's start in seconds since 1970, and its whole length in milliseconds."""

    start: float
    length_ms: float
    bars: tuple[Bar, ...]

    @property
    def ticks_ms(self) -> list[float]:
        """Round times for the axis, from 0 on: at most five."""
        steps = (factor * 10.0**power for power in range(-3, 9) for factor in (1, 2, 5))
        step = next(step for step in steps if self.length_ms / step <= 4.5)
        return [number * step for number in range(int(self.length_ms / step) + 1)]


def waterfall(documents: Sequence[Document]) -> Waterfall:
    """Return the documents of a trace's segments, as BatchGetTraces has them, as bars; at least one.

    X-Ray makes a segment of each called service that sent none. It says what the call's subsegment says, and is left
    out: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-subsegments
    """
    present = {str(node.get("id")) for document in documents for node in walk(document)}
    segments = [one for one in documents if not (one.get("inferred") and str(one.get("parent_id")) in present)]
    nodes = [node for segment in segments for node in walk(segment)]
    start = min(_start(node) for node in nodes)
    end = max(_start(node) if (at := _end(node)) is None else at for node in nodes)
    called: dict[str, list[Document]] = {}
    roots: list[Document] = []
    for segment in segments:
        parent = str(segment.get("parent_id"))
        if parent in present and parent not in {str(node.get("id")) for node in walk(segment)}:
            called.setdefault(parent, []).append(segment)
        else:
            roots.append(segment)
    shortest = max(_GAP_MS, _GAP_SHARE * (end - start) * 1000) / 1000
    bars: list[Bar] = []
    drawn: set[int] = set()

    def draw(node: Document, depth: int) -> None:
        if id(node) in drawn:
            return
        drawn.add(id(node))
        bars.append(_bar(node, min(depth, _DEEPEST), start))
        children = [*_subsegments(node), *called.get(str(node.get("id")), ())]
        rows: list[tuple[float, Document | Bar]] = [(_start(child), child) for child in children]
        for begin, finish in _gaps(node, children, shortest):
            gap_ms = ((begin - start) * 1000, (finish - begin) * 1000)
            rows.append((begin, Bar(min(depth + 1, _DEEPEST), GAP, "", "", *gap_ms, is_gap=True)))
        for _, row in sorted(rows, key=lambda each: each[0]):
            if isinstance(row, Bar):
                bars.append(row)
            else:
                draw(row, depth + 1)

    # Segments that are each other's parents have no root: the earliest stands for it.
    for segment in sorted(roots, key=_start) + sorted(segments, key=_start):
        draw(segment, 0)
    return Waterfall(start, max((end - start) * 1000, 0.001), tuple(bars))


def walk(document: Document) -> Iterator[Document]:
    """Yield a segment and its subsegments at any depth."""
    nodes = [document]
    for node in nodes:
        yield node
        nodes.extend(_subsegments(node))


def _subsegments(node: Document) -> list[Document]:
    return [each for each in node.get("subsegments") or () if isinstance(each, dict) and "start_time" in each]


def _bar(node: Document, depth: int, start: float) -> Bar:
    end = _end(node)
    origin, aws = str(node.get("origin", "")), node.get("aws") or {}
    about = [str(aws[name]) for name in ("model_id", "operation") if isinstance(aws, dict) and aws.get(name)]
    is_call = node.get("namespace") in ("aws", "remote")
    return Bar(
        depth=depth,
        name=str(node.get("name", "")),
        kind=_KINDS.get(origin, origin.removeprefix("AWS::")) or ("call" if is_call else ""),
        about=" · ".join(about),
        start_ms=(_start(node) - start) * 1000,
        duration_ms=None if end is None else max(0.0, (end - _start(node)) * 1000),
        failure=_failure(node),
        causes=tuple(_causes(node)),
    )


def _failure(node: Document) -> str:
    status = status_of(node)
    code = f" {status}" if status and status >= 400 else ""
    for flag in ("throttle", "fault", "error"):
        if node.get(flag) is True:
            return f"{flag}{code}"
    return f"status{code}" if code else ""


def status_of(node: Document) -> int | None:
    """Return the HTTP status of a segment or subsegment; None if it has none."""
    try:
        return int(node["http"]["response"]["status"])
    except (KeyError, TypeError, ValueError):
        return None


def _causes(node: Document) -> Iterator[str]:
    """https://docs.aws.amazon.com/xray/latest/devguide/xray-api-segmentdocuments.html#api-segmentdocuments-errors."""
    cause = node.get("cause")
    for exception in cause.get("exceptions") or () if isinstance(cause, dict) else ():
        if isinstance(exception, dict):
            parts = (str(exception[name]) for name in ("type", "message") if exception.get(name))
            yield ": ".join(parts)


def _gaps(node: Document, children: Sequence[Document], shortest: float) -> list[tuple[float, float]]:
    """Return the parts of a node in which none of its children is, those that are long enough."""
    end = _end(node)
    if not children or end is None or any(_end(child) is None for child in children):
        return []
    covered: list[tuple[float, float]] = [(_start(node), _start(node))]
    for begin, finish in sorted((_start(child), _end(child) or 0.0) for child in children):
        last = covered[-1]
        if begin <= last[1]:
            covered[-1] = (last[0], max(last[1], finish))
        else:
            covered.append((begin, finish))
    between = [(before[1], after[0]) for before, after in pairwise([*covered, (end, end)])]
    return [(begin, min(finish, end)) for begin, finish in between if min(finish, end) - begin >= shortest]


def _start(node: Document) -> float:
    return float(node["start_time"])


def _end(node: Document) -> float | None:
    end = node.get("end_time")
    return None if end is None else float(end)
