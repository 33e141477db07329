"""The books: what clients saw, what Lambda and the function recorded, held against each other. Reads nothing itself."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.soak.client import CUT, ERROR, LEFT, WHOLE, Seen
from bench.soak.plans import DEAD, DROPPED, HALF_BODY, HALF_HEAD, NO_XRAY, UNSIGNED
from bench.soak.records import OUTCOMES, Records, twice

_EXAMPLES = 3


@dataclass(frozen=True)
class Check:
    """Two figures that must be equal, and what they are; or a list of what must not be, and how long it is."""

    what: str
    expected: float
    found: float
    examples: tuple[str, ...] = ()

    @property
    def balances(self) -> bool:
        """Whether they are equal."""
        return self.expected == self.found


def balance(seen: Sequence[Seen], records: Records) -> list[Check]:
    """Hold what clients saw against what was recorded. Every request and every record is in some check."""
    clients = {one.trace_id: one for one in seen}
    by_fault = Counter(one.fault for one in seen)
    trace_of = dict(records.reports)
    ran = set(trace_of.values())
    died = {trace_of[request_id] for request_id in records.died}
    finished = {str(line["trace_id"]): line for line in records.finished}
    documents = {str(document["trace_id"]): document for document in records.documents}
    no_invocation = {UNSIGNED, HALF_HEAD, HALF_BODY}
    wanted = {trace_id for trace_id, one in clients.items() if one.fault not in no_invocation}
    return [
        *_requests(clients, by_fault, records, wanted, ran),
        *_invocations(clients, records, ran, died),
        *_recorded(records, finished, documents, ran, died),
        *_views(clients, records, finished, ran, died),
    ]


def _requests(
    clients: Mapping[str, Seen], by_fault: Counter[str], records: Records, wanted: set[str], ran: set[str]
) -> list[Check]:
    counted, statuses = records.lambda_metrics, records.statuses
    heard = Counter(one.status // 100 for one in clients.values() if one.fault == UNSIGNED and one.status)
    classes = Counter(status // 100 for status in statuses.values())
    turned_away = {trace_id for trace_id, status in statuses.items() if status == 429} - ran
    deaf = {trace_id for trace_id in wanted if trace_id in statuses and trace_id not in ran} - turned_away
    told = {trace_id for trace_id, one in clients.items() if one.throttled}
    return [
        _none("requests that have no trace, or are unknown", wanted ^ statuses.keys()),
        Check(
            "UrlRequestCount: whatever had a whole head", len(clients) - by_fault[HALF_HEAD], counted["UrlRequestCount"]
        ),
        Check(
            "Url4xxCount: refused, unfinished, 4XX in a trace",
            heard[4] + by_fault[HALF_BODY] + classes[4],
            counted["Url4xxCount"],
        ),
        Check("Url5xxCount: 5XX in a trace", heard[5] + classes[5], counted["Url5xxCount"]),
        Check("unsigned requests that were refused with 403", by_fault[UNSIGNED], heard[4]),
        Check("Throttles of Lambda: 429 without an invocation", len(turned_away), counted["Throttles"]),
        _none("clients that were told of a throttle that is not recorded", told - turned_away),
        _none("requests that neither ran nor were throttled", deaf),
    ]


def _invocations(clients: Mapping[str, Seen], records: Records, ran: set[str], died: set[str]) -> list[Check]:
    counted, requests = records.lambda_metrics, [request_id for request_id, _ in records.reports]
    cut = {
        trace_id
        for trace_id, one in clients.items()
        if one.fault == DROPPED and trace_id in ran and (one.ending == CUT or one.status == 502)
    }
    # The runtime gives up what nobody reads, if it can. The client does not see it.
    unread = {
        trace_id
        for trace_id in {trace_id for trace_id, one in clients.items() if one.fault == DEAD} & ran & records.faulty
        if records.statuses[trace_id] < 500  # a whole answer of the function's own is no error to Lambda
    }
    return [
        Check("Invocations: REPORT lines", len(requests), counted["Invocations"]),
        _none("ids in START, END and REPORT that are not in all three, or twice", [
            *(set(records.starts) ^ set(requests)),
            *(set(records.ends) ^ set(requests)),
            *(name for ids in (records.starts, records.ends, requests) for name in twice(ids)),
        ]),
        _none("invocations that nobody has asked for", ran - clients.keys()),
        Check("Errors of Lambda: died, dropped or unread", len(died | cut | unread), counted["Errors"]),
    ]  # fmt: skip


def _recorded(
    records: Records,
    finished: Mapping[str, Mapping[str, Any]],
    documents: Mapping[str, Mapping[str, Any]],
    ran: set[str],
    died: set[str],
) -> list[Check]:
    own, lambdas = records.function_metrics, records.lambda_metrics
    unrecorded = ran - documents.keys()
    difference = lambdas["Invocations"] - own["Requests"]
    outcomes = Counter(OUTCOMES[str(line["outcome"])] for line in records.finished)
    # An environment can be killed between its log line and its document, so those are counted by the documents.
    for trace_id in finished.keys() - documents.keys():
        outcomes[OUTCOMES[str(finished[trace_id]["outcome"])]] -= 1
    return [
        Check("Requests: documents of metrics", len(records.documents), own["Requests"]),
        Check("Invocations - Requests: died without a record", len(unrecorded & died), difference),
        _none("invocations without a record whose environment lives", unrecorded - died),
        _none("invocations with a document and no line, or the reverse, whose environment lives",
              (finished.keys() ^ documents.keys()) - died),
        _none("responses that are recorded twice", [
            *twice([str(line["trace_id"]) for line in records.finished]),
            *twice([str(document["trace_id"]) for document in records.documents]),
        ]),
        *(
            Check(f"{metric}: lines with this outcome", outcomes[metric], own[metric])
            for metric in dict.fromkeys(OUTCOMES.values())
        ),
        Check("all outcomes: Requests", own["Requests"], sum(own.values()) - own["Requests"]),
    ]  # fmt: skip


def _views(
    clients: Mapping[str, Seen],
    records: Records,
    finished: Mapping[str, Mapping[str, Any]],
    ran: set[str],
    died: set[str],
) -> list[Check]:
    blind = {trace_id for trace_id, one in clients.items() if one.fault == NO_XRAY}
    differ = [
        f"{one.fault}: client {one.status} {one.ending} {one.error_type}, "
        f"log {line['outcome']} {line.get('error_type')}"
        for trace_id, one in clients.items()
        if (line := finished.get(trace_id)) is not None and trace_id not in died and not _agree(one, line)
    ]
    statuses = [
        f"{one.fault}: client {one.status}, trace {records.statuses.get(trace_id)}"
        for trace_id, one in clients.items()
        if one.status is not None and trace_id in records.statuses and one.status != records.statuses[trace_id]
    ]
    cut = [
        f"{one.fault}: {one.status} {one.ending}"
        for trace_id, one in clients.items()
        if (one.ending == CUT or (one.status == 502 and one.error_type is None))
        and trace_id not in died
        and one.fault != DROPPED
        and not _may_be_cut(finished.get(trace_id))
    ]
    traces = {trace_id: str(line["outcome"]) for trace_id, line in finished.items() if trace_id not in blind | died}
    return [
        _none("responses that the client saw end otherwise than the log says", differ),
        _none("responses whose status differs in the trace", statuses),
        _none("responses that were cut without a reason", cut),
        _none("traces whose outcome is missing or differs", {
            trace_id for trace_id, outcome in traces.items() if records.traced.get(trace_id) != outcome
        }),
        _none("traces that came without an X-Ray intake, or are unknown", records.traced.keys() - (ran - blind)),
    ]  # fmt: skip


def _agree(one: Seen, line: Mapping[str, Any]) -> bool:
    outcome, error_type = line["outcome"], line.get("error_type")
    if one.ending == LEFT or one.fault == DROPPED:
        return True  # the client does not know; what it saw is counted elsewhere
    if one.ending == WHOLE and one.error_type is None:
        return bool(outcome == "completed")
    if one.ending in (WHOLE, ERROR):
        return bool(one.error_type == error_type)
    return bool(outcome != "completed")


def _may_be_cut(line: Mapping[str, Any] | None) -> bool:
    """Bare text cannot say that it is not whole: the runtime cuts it."""
    return line is not None and line["outcome"] != "completed" and line.get("rendering") == "text"


def _none(what: str, examples: Any) -> Check:
    found = sorted(map(str, examples))
    return Check(f"no {what}", 0, len(found), tuple(found[:_EXAMPLES]))
