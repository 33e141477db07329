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

EVENT = """{"eventType": "UpdateTrail", "sourceIPAddress": "111.111.111.111", "arrayKey": ["value", "another value"],
    "objectList": [{"name": "a", "id": 1}, {"name": "b", "id": 2}], "SomeObject": null, "ok": true, "n": 75,
    "small": 1e-3, "text": "404", "under_score-dash": "x", "two\\nlines": "", "lines": "one\\ntwo", "star": "a*b"}"""


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
        ("?MISSING ?INVALID", (MISSING, INVALID)),
        ('?"[ERROR 4" ?größe', (BAD_REQUEST, MISSING, INVALID, LOWER)),
        ('"INTERNAL SERVER ERROR"', (INTERNAL,)),
        ('"SERVER INTERNAL"', ()),
        ('" ERROR"', (INTERNAL,)),
        (r'"in \"arguments\" of"', (LOWER,)),
        ('"100%"', (LOWER,)),
        ("ERROR -ARGUMENTS", (BAD_REQUEST, INTERNAL)),
        ('-"ERROR 4" -error', (INTERNAL, WORD)),
        ("-ERROR", (LOWER, WORD)),
        ("größe", (LOWER,)),
    ],
)
def test_terms(texts: LogsCalls, pattern: str, expected: tuple[str, ...]) -> None:
    assert texts.filter(pattern) == list(expected)


@pytest.mark.parametrize(
    ("condition", "matches"),
    [
        ('$.eventType = "UpdateTrail"', True),
        ("$.eventType = UpdateTrail", True),
        ("$.eventType = updatetrail", False),
        ('$.eventType = "Update*"', True),
        ('$.eventType = "*Trail"', True),
        ('$.eventType = "Update"', False),
        ('$.eventType = "U.dateTrail"', False),
        ("$.eventType = *", True),
        ('$.eventType != "UpdateTrail"', False),
        ('$.eventType != "Update*"', False),
        ("$.eventType != Other", True),
        ("$.eventType != 500", True),
        ("$.sourceIPAddress != 123.123.*", True),
        ("$.sourceIPAddress = 111.*.111", True),
        ('$.arrayKey[0] = "value"', True),
        ('$.arrayKey[1] = "value"', False),
        ("$.objectList[1].id = 2", True),
        ("$.objectList[1].id = 1", False),
        ("$.objectList[2].id != 1", False),
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
        ('$.n = "7*"', True),
        ("$.n = 7*", True),
        ("$.small = 1e-3", True),
        ("$.small > -1", True),
        ("$.text = 404", True),
        ("$.text > 403", True),
        ("$.eventType > 0", False),
        ("$.ok = true", True),
        ("$.under_score-dash = x", True),
        (r'$.lines = "one*two"', True),
        ("$.lines = o*", True),
        ("$.ok IS TRUE", True),
        ("$.ok IS FALSE", False),
        ("$.eventType IS TRUE", False),
        ("$.SomeObject IS NULL", True),
        ("$.SomeOtherObject IS NULL", False),
        ("$.SomeOtherObject NOT EXISTS", True),
        ("$.SomeObject NOT EXISTS", False),
        ("$.objectList NOT EXISTS", False),
        # What leads to an object, a list or nothing is neither equal nor different.
        ('$.objectList = "*"', False),
        ("$.objectList[0] != 1", False),
        ("$.SomeObject = *", False),
        ("$.SomeOtherObject != 1", False),
        ("$.SomeOtherObject != x", False),
        ("$.n = 75 && $.ok IS TRUE", True),
        ("$.n = 75 && $.ok IS FALSE", False),
        ("$.n = 1 || $.ok IS TRUE", True),
        ("$.n = 75 || $.n = 1 && $.n = 2", True),
        ("($.n = 75 || $.n = 1) && $.n = 2", False),
        ("($.n = 75) && (($.absent = 1) || ($.text = 404))", True),
    ],
)
def test_json_conditions(json_events: LogsCalls, condition: str, matches: bool) -> None:
    assert json_events.filter(f"{{ {condition} }}") == [EVENT] * matches
    assert json_events.filter(f"{{{condition}}}") == [EVENT] * matches


@pytest.mark.parametrize(
    ("pattern", "named"),
    [
        ("[ip, user]", "space-delimited"),
        (" [..., bytes > 1]", "space-delimited"),
        ("%ERR[0-9]+%", "regular expressions"),
        ("ERROR ?%x%", "regular expressions"),
        ("{ $.a = %^4% }", "regular expressions"),
    ],
)
def test_a_form_that_is_not_supported_is_refused_by_its_name(texts: LogsCalls, pattern: str, named: str) -> None:
    code, message = texts.refusal("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)
    assert code == "NotImplementedException"
    assert named in message


@pytest.mark.parametrize(
    ("pattern", "position", "rest"),
    [
        ("ERROR foo-bar", 7, "foo-bar"),
        ('"a', 1, '"a'),
        ("?a b", 4, "b"),
        ("a ?b", 3, "?b"),
        ("a - b", 3, "- b"),
        ('"a"b', 1, '"a"b'),
        ("{ $.a }", 7, "}"),
        ("{ $.a = }", 9, "}"),
        ("{ a = 1 }", 3, "a = 1 }"),
        ("{ $.a > x }", 9, "x }"),
        ("{ $.a IS NOT NULL }", 10, "NOT NULL }"),
        ("{ $.a EXISTS }", 7, "EXISTS }"),
        ("{ $.a = 1 & $.b = 2 }", 11, "& $.b = 2 }"),
        ("{ $.a = 1 } b", 13, "b"),
    ],
)
def test_what_is_no_pattern_is_an_error_that_says_where(
    texts: LogsCalls, pattern: str, position: int, rest: str
) -> None:
    code, message = texts.refusal("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)
    assert code == "InvalidParameterException"
    assert f"from character {position} on: {rest!r}" in message


def test_a_pattern_that_is_nested_too_deeply_is_an_error(texts: LogsCalls) -> None:
    pattern = f"{{{'(' * 500}$.a=1{')' * 500}}}"
    code, message = texts.refusal("FilterLogEvents", logGroupName=GROUP, filterPattern=pattern)
    assert (code, message) == ("InvalidParameterException", "Invalid filter pattern: nested too deeply.")


def test_a_pattern_cannot_become_sql(texts: LogsCalls) -> None:
    assert texts.filter("\"' OR 'a' = 'a\"") == []
    assert texts.filter('{ $.a = "\') OR true --" }') == []
