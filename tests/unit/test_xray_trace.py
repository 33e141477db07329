"""A trace is the same whatever the order of its documents: subsegments in their places, failures where they count."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.xray.trace import Trace, assemble
from trace_documents import START, TRACE_ID, nested, segment, segment_id, subsegment


def trace_of(*documents: dict[str, Any]) -> Trace:
    trace = assemble(TRACE_ID, map(json.dumps, documents))
    assert trace
    return trace


def tree(node: dict[str, Any]) -> Any:
    """A node's id and, in order of their ids, its subsegments."""
    return node["id"], sorted(tree(child) for child in node.get("subsegments", []))


@st.composite
def sent_trees(draw: st.DrawFn) -> tuple[Any, list[dict[str, Any]]]:
    """The tree of one segment's subsegments, and documents for it: some subsegments embedded in their parent's, others
    sent alone, documents in any order, some of them twice.
    """
    count = draw(st.integers(1, 12))
    parents = [draw(st.integers(0, number - 1)) for number in range(1, count)]
    starts = [START + draw(st.integers(0, 5)) for _ in range(count)]
    nodes = [nested(number, start, start + 1) for number, start in enumerate(starts)]
    documents = [{**nodes[0], "trace_id": TRACE_ID}]
    # Children first: what is embedded goes in with all that is embedded in itself.
    for number in range(count - 1, 0, -1):
        parent = parents[number - 1]
        if draw(st.booleans()):
            target = documents[0] if parent == 0 else nodes[parent]
            target.setdefault("subsegments", []).append(nodes[number])
        else:
            envelope = {"type": "subsegment", "trace_id": TRACE_ID, "parent_id": segment_id(parent)}
            documents.append({**nodes[number], **envelope})
    documents += [document for document in documents if draw(st.booleans())]

    def expected(number: int) -> Any:
        children = [child for child, parent in enumerate(parents, 1) if parent == number]
        return segment_id(number), sorted(expected(child) for child in children)

    return expected(0), draw(st.permutations(documents))


@given(sent_trees())
def test_any_arrival_order_gives_the_same_trace(sent: tuple[Any, list[dict[str, Any]]]) -> None:
    expected, documents = sent
    trace = trace_of(*documents)
    assert [tree(root) for root in trace.segments] == [expected]
    assert trace == trace_of(*sorted(documents, key=json.dumps))


def test_subsegments_are_in_the_order_of_their_start_and_look_like_embedded_ones() -> None:
    embedded = nested(2, START + 2)
    trace = trace_of(subsegment(3, 1, START + 3), segment(1, subsegments=[embedded]), subsegment(4, 1, START + 1))
    assert trace.segments == [segment(1, subsegments=[nested(4, START + 1), embedded, nested(3, START + 3)])]


def test_of_two_documents_the_later_counts() -> None:
    assert trace_of(segment(1, name="old"), segment(1, name="new")).segments == [segment(1, name="new")]


def test_segments_stay_apart_earliest_first_even_if_one_is_the_others_parent() -> None:
    child, parent = segment(2, START + 1, parent_id=segment_id(1)), segment(1)
    assert trace_of(child, parent).segments == [parent, child]


def test_a_subsegment_without_its_parent_stands_alone() -> None:
    orphan = subsegment(2, parent=9, start=START + 1)
    assert trace_of(orphan, segment(1)).segments == [segment(1), orphan]


def test_subsegments_of_each_other_are_no_trace() -> None:
    assert assemble(TRACE_ID, map(json.dumps, [subsegment(1, 2), subsegment(2, 1)])) is None


@pytest.mark.parametrize("namespace", ["aws", "remote"])
def test_a_call_to_a_service_without_a_segment_makes_one(namespace: str) -> None:
    call = nested(
        2, START + 1, namespace=namespace, fault=True, http={"response": {"status": 500}}, annotations={"a": 1}
    )
    own = nested(3, START + 1, namespace="local")
    _, made, _ = trace_of(segment(1, subsegments=[call, own]), segment(4, START + 2)).segments
    assert made.pop("id") not in {segment_id(number) for number in (1, 2, 3)}
    assert made == {
        "name": "s2",
        "trace_id": TRACE_ID,
        "parent_id": segment_id(2),
        "inferred": True,
        "start_time": START + 1,
        "end_time": START + 1,
        "fault": True,
        "http": {"response": {"status": 500}},
    }


def test_a_call_to_a_service_with_a_segment_makes_none() -> None:
    called = segment(4, START + 1, parent_id=segment_id(2))
    trace = trace_of(segment(1, subsegments=[nested(2, namespace="remote")]), called)
    assert [one["id"] for one in trace.segments] == [segment_id(1), segment_id(4)]


@pytest.mark.parametrize("parent", [{}, {"parent_id": "eeeeeeeeeeeeeeee"}])
def test_the_root_is_the_segment_that_nothing_here_called(parent: dict[str, Any]) -> None:
    # Clocks differ: the one that was called seems to have started before.
    trace = trace_of(
        subsegment(7, parent=9, start=START - 9), segment(2, START - 1, parent_id=segment_id(1)), segment(1, **parent)
    )
    assert trace.root["id"] == segment_id(1)


def test_duration_is_from_the_first_start_to_the_last_end_and_response_time_the_root_s() -> None:
    trace = trace_of(segment(1, START + 1, START + 2.5), segment(2, START + 1.5, START + 4, parent_id=segment_id(1)))
    assert (trace.start, trace.duration, trace.response_time) == (START + 1, 3, 1.5)


def test_an_annotation_has_each_value_once_wherever_it_was_made() -> None:
    inner = [nested(3, annotations={"a": True, "list": [1]}), nested(4, annotations={"a": 1, "b": "x"})]
    trace = trace_of(
        segment(1, annotations={"a": 1}, subsegments=inner), segment(2, START + 1, annotations={"a": 1, "b": "y"})
    )
    assert trace.annotations == {"a": [1, True], "b": ["x", "y"]}
    assert [type(value) for value in trace.annotations["a"]] == [int, bool]


def outcome(*documents: dict[str, Any]) -> set[str]:
    return {name for name, is_set in trace_of(*documents).flags.items() if is_set}


def status(code: int) -> dict[str, Any]:
    return {"http": {"response": {"status": code}}}


@pytest.mark.parametrize(
    ("documents", "expected"),
    [
        ([segment(1)], {"ok"}),
        ([segment(1, **status(200))], {"ok"}),
        ([segment(1, **status(302))], set()),
        ([segment(1, **status(404))], {"error"}),
        ([segment(1, **status(429))], {"error", "throttle"}),
        ([segment(1, **status(503))], {"fault"}),
        ([segment(1, http={"response": {"status": None}})], {"ok"}),
        ([segment(1, http="503")], {"ok"}),
        ([segment(1, fault=True, **status(200))], {"fault"}),
        ([segment(1, error=True, throttle=True)], {"error", "throttle"}),
        ([segment(1, fault=1)], {"ok"}),
        # What the service has coped with is not the trace's failure; throttling counts anywhere.
        ([segment(1), segment(2, parent_id=segment_id(1), fault=True, error=True)], {"ok"}),
        ([segment(1, subsegments=[nested(2, fault=True)])], {"ok"}),
        ([segment(1, subsegments=[nested(2, throttle=True)])], {"ok", "throttle"}),
    ],
)
def test_outcome(documents: list[dict[str, Any]], expected: set[str]) -> None:
    assert outcome(*documents) == expected
