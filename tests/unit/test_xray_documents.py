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
        (without("trace_id", segment(1)), "$ 'trace_id' is a required property"),
        (segment(1, trace_id="2-6a000000-0123456789abcdef01234567"), "$.trace_id '2-6a000000-"),
        (segment(1, trace_id="1-6a000000-0123456789abcdef012345670"), "$.trace_id '1-6a000000-"),
        (segment(1, id="abc"), "$.id 'abc' does not match"),
        (segment(1, id=5), "$.id 5 is not of type 'string'"),
        (segment(1, name=""), "$.name '' should be non-empty"),
        (segment(1, name=None), "$.name None is not of type 'string'"),
        (segment(1, start_time="1"), "$.start_time '1' is not of type 'number'"),
        (segment(1, start_time=True), "$.start_time True is not of type 'number'"),
        (segment(1, start_time=1.7e12), "$.start_time 1700000000000.0 is greater than or equal to the maximum"),
        (segment(1, end_time=None), "$.end_time None is not of type 'number'"),
        ({**without("end_time", segment(1)), "in_progress": True}, "$ 'end_time' is a required property"),
        (segment(1, type="subsegment"), "$ 'parent_id' is a required property"),
        (segment(1, annotations=["a"]), "$.annotations ['a'] is not of type 'object'"),
        (segment(1, http={"response": {"status": "503"}}), "$.http.response.status '503' is not of type 'integer'"),
        (segment(1, subsegments={}), "$.subsegments {} is not of type 'array'"),
        (segment(1, subsegments=[5]), "$.subsegments[0] 5 is not of type 'object'"),
        (
            segment(1, subsegments=[nested(2, subsegments=[nested(3, id="x")])]),
            "$.subsegments[0].subsegments[0].id 'x' does not match",
        ),
    ],
)
def test_anything_else_is_refused_by_name(document: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValueError, match=re.escape(complaint)):
        check(document)
