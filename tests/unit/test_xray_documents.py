"""What is no trace document is refused, and the refusal names the field."""

import re
from typing import Any

import pytest

from sandbox.xray.documents import check
from trace_documents import nested, segment, subsegment


def without(field: str, document: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if key != field}


@pytest.mark.parametrize(
    "document",
    [
        segment(1, http={"response": {"status": 200}, "request": {"method": "POST"}}),
        segment(1, annotations={"a": 1}, subsegments=[nested(2, subsegments=[nested(3)])]),
        subsegment(2, parent=1),
        segment(1, trace_id="1-6A000000-0123456789ABCDEF01234567", id="ABCDEF0123456789"),
    ],
)
def test_a_document_is_taken(document: dict[str, Any]) -> None:
    check(document)


@pytest.mark.parametrize(
    ("document", "complaint"),
    [
        (without("trace_id", segment(1)), "trace_id must be like 1-581cf771-a006649127e371903a2de979, not None"),
        (segment(1, trace_id="2-6a000000-0123456789abcdef01234567"), "trace_id must be like"),
        (segment(1, trace_id="1-6a000000-0123456789abcdef012345670"), "trace_id must be like"),
        (segment(1, id="abc"), "id must be 16 hexadecimal digits, not 'abc'"),
        (segment(1, id=5), "id must be 16 hexadecimal digits, not 5"),
        (segment(1, name=""), "name must be a text, not ''"),
        (segment(1, name=None), "name must be a text, not None"),
        (segment(1, start_time="1"), "start_time must be seconds since 1970, not '1'"),
        (segment(1, start_time=True), "start_time must be seconds since 1970, not True"),
        (segment(1, start_time=1.7e12), "start_time must be seconds since 1970, not 1700000000000.0"),
        (segment(1, start_time=float("nan")), "start_time must be seconds since 1970, not nan"),
        (segment(1, end_time=None), "end_time must be seconds since 1970, not None"),
        ({**without("end_time", segment(1)), "in_progress": True}, "end_time must be seconds since 1970, not None"),
        (segment(1, type="subsegment"), "parent_id must be the id of a segment or subsegment, not None"),
        (segment(1, annotations=["a"]), "annotations must be an object, its numbers doubles, not ['a']"),
        (segment(1, subsegments={}), "subsegments must be a list, not {}"),
        (segment(1, subsegments=[5]), "a segment or subsegment must be an object, not 5"),
        ([], "a segment or subsegment must be an object, not []"),
        (segment(1, subsegments=[nested(2, subsegments=[nested(3, id="x")])]), "id must be 16 hexadecimal digits"),
    ],
)
def test_anything_else_is_refused_by_name(document: Any, complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        check(document)
