"""Filter expressions: what matches a known trace and what does not, and what is refused, by name."""

import json
import re

import pytest

from sandbox.xray.facts import trace_facts
from sandbox.xray.filters import FilterError, parse_filter
from sandbox.xray.trace import assemble
from trace_documents import START, TRACE_ID, nested, segment, segment_id

HTTP = {
    "request": {"method": "POST", "url": "https://x.test/v2/chat", "user_agent": "curl/8", "client_ip": "127.0.0.1"},
    "response": {"status": 200},
}
FUNCTION = {
    "subsegments": [
        nested(3, START + 0.5, START + 1.5, name="bedrock", namespace="aws", fault=True),
        nested(
            4,
            annotations={
                "cold_start": True,
                "warm": False,
                "outcome": "completed",
                "tokens": 42,
                "a.b": "dot",
                "zero": 0,
                "empty": "",
            },
        ),
        nested(5, annotations={"outcome": "fallback", "Case": 1, 'quo"te': 1}),
    ]
}
# One second before the client has its response, two more before the function is done.
DOCUMENTS = [
    segment(1, START, START + 1, name="chat", http=HTTP, user="alice"),
    segment(2, START + 0.5, START + 3, name="function", parent_id=segment_id(1), user="bob", **FUNCTION),
]


def matches(expression: str) -> bool:
    trace = assemble(TRACE_ID, map(json.dumps, DOCUMENTS))
    assert trace
    return parse_filter(expression)(trace_facts(trace))


@pytest.mark.parametrize(
    "expression",
    [
        "ok",
        "OK = true",
        "ok != false",
        "!fault",
        "fault = false",
        "! error",
        "!partial",
        "ok !partial duration <4",
        "ok AND responsetime = 1",
        "responseTime < 1.5 and duration > 2.5",
        "duration >= 3 AND duration <= 3",
        "duration != 2",
        "duration > -1",
        "duration > .5e1 OR ok",
        "fault OR ok AND duration = 3",
        "ok OR fault AND error",
        "(ok OR fault) AND !(error OR throttle)",
        "http.status",
        "http.status = 200",
        'http.url BEGINSWITH "https://" AND http.url ENDSWITH "/chat" AND http.url CONTAINS "/v2/"',
        'http.url = "https://x.test/v2/chat"',
        'http.method="POST"http.useragent="curl/8"http.clientip="127.0.0.1"',
        'user = "alice" AND user = "bob" AND user CONTAINS ""',
        'user != "alice"',
        "annotation.cold_start",
        "annotation.cold_start = true",
        "ANNOTATION.cold_start = TRUE",
        # A boolean without a comparison is its value: set and false does not match.
        "!annotation.warm AND annotation.warm = false AND annotation.warm != true",
        'annotation.outcome = "completed" AND annotation.outcome = "fallback"',
        'annotation.outcome beginswith "comp"',
        "annotation.tokens > 41.5 AND annotation.tokens <= 42 AND annotation.tokens = 42",
        "annotation.tokens AND annotation.zero AND annotation.empty",
        'annotation[a.b] = "dot"',
        "annotation[tokens] = 42",
        "!annotation.absent",
        'service("chat") AND service("function") AND service()',
        'service("bedrock") { fault = true AND responsetime = 1 }',
        "service() { fault }",
        'service("function") { !fault AND user = "bob" }',
        '!service("other")',
        '!service("chat"){fault}service ( "chat" ) { http.status = 200 ok }',
        "ok\n AND\tduration = 3",
    ],
)
def test_matches(expression: str) -> None:
    assert matches(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "fault",
        "!ok",
        "ok = false",
        "ok fault",
        "duration < 3",
        "responsetime > 1",
        "http.status != 200",
        'http.url BEGINSWITH "x.test"',
        'http.url ENDSWITH "x.test"',
        'http.url CONTAINS "HTTPS"',
        'user = "Alice"',
        "annotation.warm",
        "annotation.absent",
        "annotation.Tokens",
        "annotation.absent != 5",
        # Values of another type do not compare.
        'annotation.tokens = "42"',
        'annotation.tokens != "42"',
        "annotation.cold_start = 1",
        "annotation.outcome > 1",
        "annotation.tokens = true",
        'service("other")',
        'service("function") { fault }',
        'service("chat") { user = "bob" }',
        '!service("function")',
        "(fault OR ok) AND error",
    ],
)
def test_does_not_match(expression: str) -> None:
    assert not matches(expression)


def test_strings_may_hold_quotes_and_backslashes() -> None:
    document = segment(1, user='a"b\\c')
    trace = assemble(TRACE_ID, [json.dumps(document)])
    assert trace
    assert parse_filter(r'user = "a\"b\\c"')(trace_facts(trace))


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ('edge("a", "b") { fault }', "keyword edge is not supported"),
        ('group.name = "g"', "keyword group.name is not supported"),
        ("rootcause.fault.entity { last }", "keyword rootcause.fault.entity is not supported"),
        ("inferred", "keyword inferred is not supported; these are: annotation.KEY, service(NAME), ok, error,"),
        ("service() { root }", "keyword root is not supported"),
        ('service(id(name: "a"))', "keyword id is not supported"),
        ('resource.arn = "a"', "keyword resource.arn is not supported"),
        ("NOT ok", "keyword NOT is not supported"),
        ("ok android = 1", "keyword android is not supported"),
        ("ok orders = 1", "keyword orders is not supported"),
        ("services = 1", "keyword services is not supported"),
        ("annotation = 5", "keyword annotation is not supported"),
        ("service() { annotation.a }", "annotation.a is not supported inside of service() { }"),
        ('service("duration") { duration > 1 }', "duration is not supported inside of service() { }"),
        ('service() { !(ok OR service("b")) }', "service is not supported inside of service() { }"),
        ('duration = "3"', 'keyword duration cannot be compared with "3"'),
        ("duration = true", "keyword duration cannot be compared with true"),
        ("http.url = 3", "keyword http.url cannot be compared with 3"),
        ("ok = 1", "keyword ok cannot be compared with 1"),
        ("ok > true", "cannot be understood at: true"),
        ("user > 1", "keyword user cannot be compared with 1"),
        ('user > "a"', 'cannot be understood at: "a"'),
        ("annotation.a CONTAINS 3", "cannot be understood at: 3"),
        ("user = alice", "keyword alice is not supported"),
        ("", "cannot be understood at: its end"),
        ("ok AND", "cannot be understood at: AND"),
        ("ok % 3", "cannot be understood at: % 3"),
        ("ok) OR fault", "cannot be understood at: ) OR fault"),
        ('user = "alice', 'cannot be understood at: "alice'),
        ("!(" * 5000 + "ok" + ")" * 5000, "too many parentheses in each other"),
    ],
)
def test_the_rest_is_refused_by_name(expression: str, complaint: str) -> None:
    with pytest.raises(FilterError, match=re.escape(complaint)):
        parse_filter(expression)
