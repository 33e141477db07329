"""The trace header: what Lambda takes over from the caller, and what it decides itself."""

from datetime import UTC, datetime

import pytest

from sandbox.trace_context import trace_context

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
PARENT = "53995c3f42cd8ad8"
NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize("active", [True, False])
@pytest.mark.parametrize(
    ("given", "parent", "sampled"),
    [
        (f"Root={ROOT};Parent={PARENT};Sampled=1", PARENT, True),
        (f"Sampled=0; Parent={PARENT}; Root={ROOT}; Lineage=a:b", PARENT, False),
        (f"Root={ROOT};Sampled=1", None, True),
        (f"Root={ROOT};Parent=53995C3F42CD8AD8;Sampled=0", None, False),
        (f"Root={ROOT}", None, None),
        (f"Root={ROOT};Sampled=?", None, None),
    ],
)
def test_the_callers_trace_goes_on(given: str, parent: str | None, sampled: bool | None, active: bool) -> None:
    trace = trace_context(given, active, NOW)
    assert (trace.trace_id, trace.parent_id) == (ROOT, parent)
    assert trace.sampled is (active if sampled is None else sampled), "the caller decides, else the function's tracing"


@pytest.mark.parametrize("given", [None, "", "nonsense", f"Root={ROOT}0;Parent={PARENT};Sampled=1", "Root=;Sampled=1"])
def test_without_a_trace_a_new_one_begins(given: str | None) -> None:
    trace = trace_context(given, True, NOW)
    version, seconds, unique = trace.trace_id.split("-")
    assert (version, int(seconds, 16), len(unique)) == ("1", NOW.timestamp(), 24)
    assert trace.parent_id is None, "a parent in no trace is none"
    assert trace.trace_id != trace_context(given, True, NOW).trace_id


def test_the_function_hangs_its_segments_below_its_own() -> None:
    trace = trace_context(f"Root={ROOT};Parent={PARENT};Sampled=1", False, NOW)
    assert trace.header == f"Root={ROOT};Parent={trace.function_segment_id};Sampled=1"
    assert len({trace.function_segment_id, trace.service_segment_id, PARENT}) == 3
    assert trace_context(f"Root={ROOT}", False, NOW).header.endswith(";Sampled=0")
