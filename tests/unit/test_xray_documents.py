"""What is no trace document is refused, and the refusal names the field."""

import re
from typing import Any

import pytest

from sandbox.xray.documents import check
from trace_documents import in_progress, nested, segment, subsegment


@pytest.mark.parametrize(
    "document",
    [
        segment(1),
        segment(1, annotations={"a": 1}, subsegments=[nested(2, subsegments=[nested(3)])]),
        in_progress(segment(1, subsegments=[in_progress(nested(2))])),
        subsegment(2, parent=1),
        segment(1, trace_id="1-6A000000-0123456789ABCDEF01234567", id="ABCDEF0123456789"),
    ],
)
def test_a_document_is_taken(document: dict[str, Any]) -> None:
    check(document)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        ({}, "trace_id must look like 1-581cf771-a006649127e371903a2de979, not None"),
        (segment(1, trace_id="2-6a000000-0123456789abcdef01234567"), "trace_id must look like"),
        (segment(1, trace_id="1-6a000000-0123456789abcdef012345670"), "trace_id must look like"),
        (segment(1, id="abc"), "id must be 16 hexadecimal digits, not 'abc'"),
        (segment(1, id=5), "id must be 16 hexadecimal digits, not 5"),
        (segment(1, name=""), "name must be a string, not ''"),
        (segment(1, name=None), "name must be a string, not None"),
        (segment(1, start_time="1"), "start_time must be seconds since 1970, not '1'"),
        (segment(1, start_time=True), "start_time must be seconds since 1970, not True"),
        (segment(1, start_time=1.7e12), "start_time must be seconds since 1970, not 1700000000000.0"),
        (segment(1, start_time=float("nan")), "start_time must be seconds since 1970, not nan"),
        (segment(1, end_time=None), "end_time must be seconds since 1970, or absent and in_progress true: None"),
        (segment(1, end_time=None, in_progress=True), "end_time must be seconds since 1970"),
        ({**in_progress(segment(1)), "in_progress": False}, "end_time must be seconds since 1970"),
        (segment(1, type="subsegment"), "a subsegment that is sent alone must have a parent_id"),
        (segment(1, annotations=["a"]), "annotations must be a JSON object"),
        (segment(1, subsegments={}), "subsegments must be a JSON array"),
        (segment(1, subsegments=[5]), "a subsegment must be an object, not 5"),
        (segment(1, subsegments=[nested(2, subsegments=[nested(3, id="x")])]), "id must be 16 hexadecimal digits"),
    ],
)
def test_anything_else_is_refused_by_name(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        check(document)
