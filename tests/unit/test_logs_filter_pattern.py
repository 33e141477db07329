"""Filter patterns: which of the documentation's events, and of ones that are made to go wrong, each form matches."""

import pytest

from logs_calls import GROUP, LogsCalls

# https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
BAD_REQUEST = "[ERROR 400] BAD REQUEST"
MISSING = "[ERROR 419] MISSING ARGUMENTS"
INVALID = "[ERROR 420] INVALID ARGUMENTS"
INTERNAL = "[ERROR 500] INTERNAL SERVER ERROR"
LOWER = 'error in "arguments" of größe\n100%'
WORD = "without-blanks"
TEXTS = (BAD_REQUEST, MISSING, INVALID, INTERNAL, LOWER, WORD)

EVENT = """{"eventType": "UpdateTrail", "objectList": [{"name": "a"}], "inner": {"id": 1, "deep": {"er": "x"}},
    "SomeObject": null, "ok": true, "n": 75, "small": 1e-3, "text": "404", "under_score-dash": "x", "quo": "a\\"b"}"""


@pytest.fixture(scope="module")
def texts() -> LogsCalls:
    logs = LogsCalls()
    logs.put(*TEXTS)
    return logs


@pytest.fixture(scope="module")
def json_events() -> LogsCalls:
    """Beside the one event there are lines that no JSON pattern may stumble over or match."""
    logs = LogsCalls()
    logs.put("{", "", "no {json}", "[1]", "75", '"UpdateTrail"', "null", f"embedded: {EVENT}", EVENT)
    return logs


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", TEXTS),
        (" ", TEXTS),
        ('" "', TEXTS),
        ("ERROR", (BAD_REQUEST, MISSING, INVALID, INTERNAL)),
        ("error", (LOWER,)),
        ("  ERROR\tARGUMENTS ", (MISSING, INVALID)),
        ('"INTERNAL SERVER ERROR"', (INTERNAL,)),
        ('"SERVER INTERNAL"', ()),
        ('" ERROR"', (INTERNAL,)),
        ('"[ERROR 4" ARGUMENTS', (MISSING, INVALID)),
        (r'"in \"arguments\" of"', (LOWER,)),
        ('"100%"', (LOWER,)),
        ("größe", (LOWER,)),
    ],
)
def test_terms(texts: LogsCalls, pattern: str, expected: tuple[str, ...]) -> None:
    assert texts.filter(pattern) == list(expected)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('$.eventType = "UpdateTrail"', True),
        ('$.eventType = "updatetrail"', False),
        ('$.eventType = "Update"', False),
        ('$.eventType = "U.dateTrail"', False),
        ('$.eventType != "UpdateTrail"', False),
        ('$.eventType != "Other"', True),
        ("$.eventType != 500", True),
        ("$.inner.id = 1", True),
        ("$.inner.id = 2", False),
        ('$.inner.deep.er = "x"', True),
        ("$.n > 74.9", True),
        ("$.n > 75", False),
        ("$.n >= 75", True),
        ("$.n < 8e1", True),
        ("$.n < 75", False),
        ("$.n <= 75", True),
        ("$.n = 75.0", True),
        ("$.n = +7.5e+1", True),
        ("$.n != 75", False),
        ("$.n != 76", True),
        ('$.n = "75"', True),
        ("$.small = 1e-3", True),
        ("$.small > -1", True),
        ("$.text = 404", True),
        ("$.text > 403", True),
        ("$.eventType > 0", False),
        ('$.ok = "true"', True),
        ('$.under_score-dash = "x"', True),
        (r'$.quo = "a\"b"', True),
        # What leads to an object, a list or nothing is neither equal nor different.
        ('$.objectList != "x"', False),
        ("$.objectList != 1", False),
        ('$.inner != "x"', False),
        ('$.SomeObject != "x"', False),
        ("$.SomeObject != 1", False),
        ("$.SomeOtherObject != 1", False),
        ('$.SomeOtherObject != "x"', False),
        ('$.n = 75 && $.ok = "true"', True),
        ("$.n = 75 && $.n = 1", False),
        ("$.n = 75 && $.text = 404 && $.small < 1", True),
    ],
)
def test_json_conditions(json_events: LogsCalls, condition: str, matches: bool) -> None:
    assert json_events.filter(f" {{ {condition} }} ") == [EVENT] * matches
    assert json_events.filter(f"{{{condition}}}") == [EVENT] * matches


@pytest.mark.parametrize(
    ("pattern", "rest"),
    [
        ("[ip, user]", "[ip, user]"),
        ("%ERR[0-9]+%", "%ERR[0-9]+%"),
        ("ERROR ?optional", "?optional"),
        ("ERROR -excluded", "-excluded"),
        ("ERROR foo-bar", "foo-bar"),
        ('"a"b', '"a"b'),
        ('ERROR "open', '"open'),
        ("{ $.a = %^4% }", "%^4% }"),
        ("{ $.a = 1 || $.b = 2 }", "|| $.b = 2 }"),
        ("{ ($.a = 1) }", "($.a = 1) }"),
        ("{ $.a IS NULL }", "IS NULL }"),
        ("{ $.a NOT EXISTS }", "NOT EXISTS }"),
        ("{ $.a[0] = 1 }", "[0] = 1 }"),
        ("{ $.a = * }", "* }"),
        ("{ $.a = 7* }", "7* }"),
        ('{ $.a = "7*" }', '"7*" }'),
        ("{ $.a = text }", "text }"),
    ],
)
def test_a_form_that_is_not_supported_is_refused_by_name(texts: LogsCalls, pattern: str, rest: str) -> None:
    code, message = texts.refusal("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)
    assert code == "NotImplementedException"
    assert f"does not support this part of the filter pattern: {rest}. It supports words and" in message


@pytest.mark.parametrize(
    ("pattern", "rest"),
    [
        ("{ $.a }", "}"),
        ("{ $.a = }", "}"),
        ('{ $.a > "x" }', '"x" }'),
        ("{ $.a = 1 $.b = 2 }", "$.b = 2 }"),
        ("{ }", "}"),
    ],
)
def test_what_is_no_pattern_is_an_error_that_says_where(texts: LogsCalls, pattern: str, rest: str) -> None:
    code, message = texts.refusal("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)
    assert code == "InvalidParameterException"
    assert f"Not understood in the filter pattern: {rest}. It takes words and" in message


def test_a_pattern_cannot_become_sql(texts: LogsCalls) -> None:
    assert texts.filter("\"' OR 'a' = 'a\"") == []
    assert texts.filter('{ $.a = "\') OR true --" }') == []
