"""Filter expressions: what matches a known trace and what does not, and what is refused, by name."""

import json

import pytest

from sandbox.aws_api.contract import ApiError
from sandbox.xray.filters import parse_filter
from sandbox.xray.trace import assemble
from trace_documents import START, TRACE_ID, nested, segment, segment_id

ANNOTATIONS = {"cold_start": True, "warm": False, "outcome": "completed", "tokens": 42, "quoted": 'a"b\\c'}
FUNCTION = {
    "subsegments": [
        nested(3, START + 0.5, START + 1.5, name="bedrock", namespace="aws", fault=True),
        nested(4, annotations=ANNOTATIONS),
        nested(5, annotations={"outcome": "fallback", "Case": 1}),
    ]
}
# One second before the client has its response, two more before the function is done.
DOCUMENTS = [
    segment(1, START, START + 1, name="chat", http={"response": {"status": 200}}),
    segment(2, START + 0.5, START + 3, name="function", parent_id=segment_id(1), **FUNCTION),
]


def matches(expression: str) -> bool:
    trace = assemble(TRACE_ID, map(json.dumps, DOCUMENTS))
    assert trace
    return parse_filter(expression)(trace)


@pytest.mark.parametrize(
    "expression",
    [
        "ok",
        "OK = true",
        "fault = false AND error = FALSE",
        "ok AND responsetime = 1",
        "responseTime < 1.5 and responsetime > .5",
        "responsetime >= 1 AND responsetime <= 1",
        "responsetime != 2 AND responsetime > -1",
        "fault OR ok AND responsetime = 1",
        "ok OR fault AND error",
        "annotation.cold_start = true",
        "ANNOTATION.cold_start = TRUE",
        "annotation.warm = false AND annotation.warm != true",
        'annotation.outcome = "completed" AND annotation.outcome = "fallback"',
        'annotation.outcome != "completed"',
        "annotation.tokens > 41.5 AND annotation.tokens <= 42 AND annotation.tokens = 42",
        r'annotation.quoted = "a\"b\\c"',
        'service("chat") AND service ( "function" ) AND service("bedrock")',
        "ok\n AND\tresponsetime = 1",
    ],
)
def test_matches(expression: str) -> None:
    assert matches(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "fault",
        "ok = false",
        "ok AND fault",
        "ok AND error OR fault",
        "responsetime > 1",
        'annotation.outcome = "Completed"',
        "annotation.Tokens = 42",
        "annotation.absent != 5",
        # Values of another type do not compare.
        'annotation.tokens = "42"',
        'annotation.tokens != "42"',
        "annotation.cold_start = 1",
        "annotation.outcome > 1",
        "annotation.tokens = true",
        'service("other")',
    ],
)
def test_does_not_match(expression: str) -> None:
    assert not matches(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "!fault",
        "NOT ok",
        "(ok OR fault) AND error",
        "throttle",
        "partial",
        "duration > 1",
        "http.status = 200",
        'http.url CONTAINS "a"',
        'user = "alice"',
        'edge("a", "b")',
        'group.name = "g"',
        "rootcause.fault.service",
        'resource.arn = "a"',
        "annotation[tokens] = 42",
        "services = 1",
        "annotation = 5",
        "okay",
    ],
)
def test_a_word_that_is_not_supported_is_refused_by_name(expression: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_filter(f"ok AND {expression}")
    assert (refused.value.code, refused.value.status) == ("NotImplementedException", 501)
    assert f"this part of the filter expression: {expression}. It supports ok, error," in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "rest"),
    [
        ('annotation.a BEGINSWITH "b"', 'BEGINSWITH "b"'),
        ('annotation.a CONTAINS "b"', 'CONTAINS "b"'),
        ('service("a") { fault }', "{ fault }"),
        ('service(id(name: "a"))', 'id(name: "a"))'),
    ],
)
def test_so_is_what_follows_a_supported_word(expression: str, rest: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_filter(expression)
    assert refused.value.code == "NotImplementedException"
    assert f"expression: {rest}. It supports" in str(refused.value)


@pytest.mark.parametrize(
    ("expression", "place"),
    [
        ("", "its end"),
        ("ok AND", "its end"),
        ("ok fault", "fault"),
        ("ok = 1", "1"),
        ("ok != false", "!= false"),
        ('responsetime = "3"', '"3"'),
        ('annotation.a > "b"', '"b"'),
        ("annotation.a", "its end"),
        ("service()", ")"),
        ("ok) OR fault", ") OR fault"),
    ],
)
def test_words_in_a_wrong_order_are_an_error_that_says_where(expression: str, place: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse_filter(expression)
    assert refused.value.code == "InvalidRequestException"
    assert f"Not understood in the filter expression: {place}. It takes ok, error," in str(refused.value)
