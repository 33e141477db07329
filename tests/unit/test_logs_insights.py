"""Logs Insights: every command, aggregation and field against results worked out by hand or by NumPy."""

import re
import uuid
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs_calls import GROUP, LogsCalls
from sandbox.aws_api.contract import ApiError

REQUEST = "0d4c9f1e-1b2a-4c3d-8e5f-0123456789ab"
START = f"START RequestId: {REQUEST} Version: $LATEST"
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 2.03 ms\tBilled Duration: 3 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 70 MB\tInit Duration: 99.50 ms\t\n"
    "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t"
)
COMPLETED = {
    "level": "INFO",
    "outcome": "completed",
    "ttft_ms": 120.5,
    "usage": {"output_tokens": 40, "model": {"name": "nova"}},
    "chunks": [3],
    "cold": True,
    "note": None,
    "größe": "ü",
}
FAILED = {"level": "ERROR", "outcome": "failed", "ttft_ms": 900, "usage": {"output_tokens": 2}, "cold": False}
# The lines of `logs`, oldest first: a minute has the first three, the next one the others.
LINES: tuple[Any, ...] = (START, COMPLETED, "no {json", FAILED, 'embedded: failed {"n":\n1} end', REPORT)
SECONDS = (60, 61, 119, 120, 121, 179)


@pytest.fixture(scope="module")
def logs() -> LogsCalls:
    logs = LogsCalls()
    for second, line in zip(SECONDS, LINES, strict=True):
        logs.put(line, stream="s1" if second < 120 else "s2", time_ms=second * 1000 + 7)
    logs.put("of another group", group="/other", time_ms=60_000)
    return logs


@pytest.fixture(scope="module")
def many() -> LogsCalls:
    """One store for all examples, each of which has a group of its own."""
    return LogsCalls()


def time_of(second: int) -> str:
    return f"1970-01-01 00:0{second // 60}:{second % 60:02}.007"


def values(logs: LogsCalls, expression: str) -> list[str | None]:
    """The expression's value for each line, oldest first."""
    rows = logs.query(f"fields {expression} as value | sort @timestamp")
    return [row.get("value") for row in rows]


def matching(logs: LogsCalls, condition: str) -> list[int]:
    """The numbers of the lines that a filter leaves."""
    rows = logs.query(f"fields @timestamp as time | filter {condition} | sort time")
    return [[time_of(second) for second in SECONDS].index(row["time"]) for row in rows]


def test_without_fields_there_are_time_and_message_latest_first(logs: LogsCalls) -> None:
    rows = logs.query("filter @timestamp < 120000")
    assert [list(row) for row in rows] == [["@timestamp", "@message"]] * 3
    assert [row["@timestamp"] for row in rows] == [time_of(119), time_of(61), time_of(60)]
    assert rows[0]["@message"] == "no {json"
    assert rows[2]["@message"] == START


def test_each_event_has_a_pointer_of_its_own(logs: LogsCalls) -> None:
    results = logs.answer("fields level")["results"]
    assert [row[-1]["field"] for row in results] == ["@ptr"] * 6
    pointers = {row[-1]["value"] for row in results}
    events = logs("FilterLogEvents", logGroupName=GROUP)["events"]
    assert pointers == {event["eventId"] for event in events}
    assert all(cell["field"] != "@ptr" for row in logs.answer("stats count(*)")["results"] for cell in row)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (START, {"@type": "START"}),
        (f"END RequestId: {REQUEST}", {"@type": "END"}),
        ("INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn", {"@type": "INIT_START"}),
        (REPORT, {"@type": "REPORT", "@initDuration": "99.5"}),
        (REPORT.replace("Init Duration: 99.50 ms\t", ""), {"@type": "REPORT"}),
        (f"a line about REPORT RequestId: {REQUEST}\tInit Duration: 1 ms", {}),
        ("START of something", {}),
    ],
)
def test_the_fields_of_lambda_s_own_lines(line: str, expected: dict[str, str]) -> None:
    logs = LogsCalls()
    logs.put(line)
    assert logs.query("fields @type, @initDuration") == [expected]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("level", "INFO"),
        ("ttft_ms", "120.5"),
        ("usage.output_tokens", "40"),
        ("usage.model.name", "nova"),
        ("cold", "1"),
        ("größe", "ü"),
        # No values: null, objects and lists, and what is not there.
        ("note", None),
        ("usage", None),
        ("chunks", None),
        ("level.x", None),
        ("absent", None),
    ],
)
def test_json_fields(logs: LogsCalls, name: str, expected: str | None) -> None:
    assert values(logs, name)[1] == expected
    [row] = logs.query(f"fields {name} | filter ttft_ms = 120.5")
    assert row == ({} if expected is None else {name: expected})


def test_a_text_is_a_number_only_if_it_looks_like_one() -> None:
    texts = {"5": 5, "-5.25": -5.25, "+.5": 0.5, "5.": 5, "1e3": 1000}
    no_numbers = ["", " 5", "5 ms", "1_000", "0x10", "inf", "nan", "NaN", "-", "."]
    logs = LogsCalls()
    logs.put(*({"text": text} for text in (*texts, *no_numbers)))
    rows = logs.query("stats max(text) as number by text")
    assert {row["text"]: float(row["number"]) for row in rows if "number" in row} == texts
    assert {row["text"] for row in rows if "number" not in row} == set(no_numbers)


def test_json_fields_of_other_lines(logs: LogsCalls) -> None:
    assert values(logs, "n") == [None, None, None, None, "1", None]
    assert values(logs, "cold") == [None, "1", None, "0", None, None]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ('level = "INFO"', [1]),
        ("level = 'INFO'", [1]),
        ('level = "info"', []),
        # A field that is not there is neither equal nor different, neither like nor unlike.
        ('level != "INFO"', [3]),
        ("level != 5", [1, 3]),
        ('not level = "INFO"', [3]),
        ('level not like "INFO"', [3]),
        ('level not in ["INFO"]', [3]),
        ("ttft_ms > 120.5", [3]),
        ("ttft_ms >= 120.5", [1, 3]),
        ("ttft_ms < 900", [1]),
        ("ttft_ms <= 900", [1, 3]),
        ("ttft_ms = 900.0", [3]),
        ('ttft_ms = "900"', [3]),
        ("900 = ttft_ms", [3]),
        ('ttft_ms = "900.0"', [3]),
        ("ttft_ms > usage.output_tokens", [1, 3]),
        ("ttft_ms > -1", [1, 3]),
        ("@initDuration = 99.5", [5]),
        ("cold = 1", [1]),
        ("cold = true", [1]),
        ("cold = FALSE", [3]),
        ("@timestamp = 120007", [3]),
        ("@timestamp >= 120007 and @timestamp < 121007", [3]),
        ('@message like "json"', [2]),
        ('@message like "JSON"', []),
        ("@message like /(?i)JSON/", [2]),
        ("@message like /Id: [0-9a-f]+-/", [0, 5]),
        ("@message like /^no/", [2]),
        ("@message not like /RequestId|level/", [2, 4]),
        (r"@message like /x\/y|no \{/", [2]),
        ('level in ["INFO", "WARN"]', [1]),
        ("ttft_ms in [120.5, 900]", [1, 3]),
        ("ispresent(level)", [1, 3]),
        ("not ispresent(level)", [0, 2, 4, 5]),
        ('level = "INFO" or level = "ERROR" and ttft_ms < 0', [1]),
        ('(level = "INFO" or level = "ERROR") and ttft_ms < 0', []),
        ('level = "INFO" OR NOT (ispresent(level))', [0, 1, 2, 4, 5]),
        ("@type in ['START', 'REPORT']", [0, 5]),
        ("usage.output_tokens = 40", [1]),
        ("level = outcome", []),
        ("ttft_ms = ttft_ms", [1, 3]),
    ],
)
def test_filter(logs: LogsCalls, condition: str, expected: list[int]) -> None:
    assert matching(logs, condition) == expected


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("1m", "1970-01-01 00:01:00.000"),
        ("500ms", "1970-01-01 00:01:01.000"),
        ("7s", "1970-01-01 00:00:56.000"),
        ("2h", "1970-01-01 00:00:00.000"),
        ("1d", "1970-01-01 00:00:00.000"),
    ],
)
def test_bins_of_time(logs: LogsCalls, period: str, expected: str) -> None:
    assert values(logs, f"bin({period})")[1] == expected


def test_a_value_s_title_is_its_text_or_the_name_it_is_given(logs: LogsCalls) -> None:
    rows = logs.query("fields bin( 1m ), ttft_ms as first_token, first_token as again | filter again = 120.5")
    assert rows == [{"bin( 1m )": "1970-01-01 00:01:00.000", "first_token": "120.5", "again": "120.5"}]


def test_parse_names_what_a_regular_expression_finds(logs: LogsCalls) -> None:
    found = "parse @message /(START|REPORT) RequestId: (?<id>[0-9a-f]+)(-1(?<one>x?))?/ | fields id, one"
    rows = logs.query(f"{found} | sort @timestamp")
    # What finds nothing has no value, an empty text neither.
    assert rows == [{"id": "0d4c9f1e"}, {}, {}, {}, {}, {"id": "0d4c9f1e"}]
    assert logs.query("parse @message /Used: (?<used>[0-9]+) MB/ | filter used > 69 | stats max(used) as most") == [
        {"most": "70"}
    ]
    chained = "parse @message /RequestId: (?<id>.+) Version/ | parse id /(?<end>[a-z]+)$/ | fields id, end"
    assert logs.query(f"{chained} | filter ispresent(end)") == [{"id": REQUEST, "end": "ab"}]


def test_fields_add_up(logs: LogsCalls) -> None:
    both = "fields level | fields ttft_ms as t | filter t = 900"
    assert logs.query(both) == [{"level": "ERROR", "t": "900"}]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("@timestamp", [0, 1, 2, 3, 4, 5]),
        ("@timestamp asc", [0, 1, 2, 3, 4, 5]),
        ("@timestamp desc", [5, 4, 3, 2, 1, 0]),
        # Numbers as numbers, after other values; events without the field at the end, the latest of them first.
        ("ttft_ms", [1, 3, 5, 4, 2, 0]),
        ("ttft_ms DESC", [3, 1, 5, 4, 2, 0]),
        ("bin(1m) desc, @timestamp", [3, 4, 5, 0, 1, 2]),
        ("ttft_ms | sort @timestamp", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_sort(logs: LogsCalls, keys: str, expected: list[int]) -> None:
    rows = logs.query(f"sort {keys} | fields @timestamp as time")
    assert [[time_of(second) for second in SECONDS].index(row["time"]) for row in rows] == expected


def test_numbers_come_after_other_texts() -> None:
    logs = LogsCalls()
    logs.put(*({"n": value} for value in ("10", "b", "9", "a")), "no JSON")
    assert [row.get("n") for row in logs.query("fields n | sort n")] == ["a", "b", "9", "10", None]
    assert [row.get("n") for row in logs.query("fields n | sort n desc")] == ["10", "9", "b", "a", None]


def test_events_of_one_millisecond_are_the_latest_arrival_first() -> None:
    logs = LogsCalls()
    logs.put(*"abc")
    assert [row["@message"] for row in logs.query("fields @message")] == ["c", "b", "a"]


def test_limits(logs: LogsCalls) -> None:
    assert [row["n"] for row in logs.query("fields @timestamp as n | sort n | limit 2")] == [time_of(60), time_of(61)]
    assert len(logs.query("fields level | limit 2 | fields cold")) == 2


def test_ten_thousand_rows_are_the_most() -> None:
    logs = LogsCalls()
    logs.put(*({"n": number} for number in range(10_002)))
    answer = logs.answer("fields n")
    assert len(answer["results"]) == answer["statistics"]["resultCount"] == 10_000
    assert answer["statistics"]["recordsMatched"] == 10_002
    assert logs.query("stats count(*) as n, max(n) as last") == [{"n": "10002", "last": "10001"}]


def test_stats_of_everything(logs: LogsCalls) -> None:
    assert logs.query(
        "stats count(*), count(), count(level), sum(ttft_ms), avg(ttft_ms), min(ttft_ms), max(ttft_ms), avg(level)"
    ) == [
        {
            "count(*)": "6",
            "count()": "6",
            "count(level)": "2",
            "sum(ttft_ms)": "1020.5",
            "avg(ttft_ms)": "510.25",
            "min(ttft_ms)": "120.5",
            "max(ttft_ms)": "900",
        }
    ]


def test_stats_by_bins_and_fields(logs: LogsCalls) -> None:
    assert logs.query("stats count(*) as events, max(ttft_ms) by bin(1m)") == [
        {"bin(1m)": "1970-01-01 00:01:00.000", "events": "3", "max(ttft_ms)": "120.5"},
        {"bin(1m)": "1970-01-01 00:02:00.000", "events": "3", "max(ttft_ms)": "900"},
    ]
    assert logs.query("stats count(*) as events by level, cold as is_cold | sort events desc, level") == [
        {"events": "4"},
        {"level": "ERROR", "is_cold": "0", "events": "1"},
        {"level": "INFO", "is_cold": "1", "events": "1"},
    ]


def test_what_stats_gives_can_be_filtered_sorted_and_limited(logs: LogsCalls) -> None:
    query = "fields level as kind | stats count(*), sum(ttft_ms) as total by kind"
    assert [row.get("kind") for row in logs.query(query)] == ["ERROR", "INFO", None]
    assert logs.query(f"{query} | filter count(*) = 1 and total > 1 | sort total desc | limit 1") == [
        {"kind": "ERROR", "count(*)": "1", "total": "900"}
    ]
    assert logs.query(f"{query} | sort count(*) desc | limit 1") == [{"count(*)": "4"}]


def test_stats_of_nothing_are_no_rows(logs: LogsCalls) -> None:
    assert logs.query('filter level = "none" | stats count(*), avg(ttft_ms)') == []
    assert logs.query('filter level = "none" | stats count(*) by bin(5m)') == []


@settings(max_examples=40)
@given(
    numbers=st.lists(st.floats(-1e6, 1e6).map(lambda number: round(number, 3)), min_size=1, max_size=30),
    percent=st.sampled_from([0, 1, 25, 50, 90, 99, 99.9, 100]),
)
def test_percentiles_are_numpy_s(many: LogsCalls, numbers: list[float], percent: float) -> None:
    group = str(uuid.uuid4())
    many.put(*({"value": number} for number in numbers), group=group)
    [row] = many.query(f"stats pct(value, {percent}) as p, avg(value) as mean", group=group)
    assert float(row["p"]) == pytest.approx(numpy.percentile(numbers, percent), rel=1e-9, abs=1e-9)
    assert float(row["mean"]) == pytest.approx(numpy.mean(numbers), rel=1e-9, abs=1e-9)
    assert not row["p"].endswith(".0")


def test_the_time_range_is_in_whole_seconds_both_inside(logs: LogsCalls) -> None:
    assert [row["t"] for row in logs.query("fields @timestamp as t | sort t", start=61, end=120)] == [
        time_of(61),
        time_of(119),
        time_of(120),
    ]
    assert logs.query("fields level", start=62, end=118) == []


def test_the_end_of_a_second_is_outside_the_next_one() -> None:
    logs = LogsCalls()
    for time_ms in (59_999, 60_000, 60_999, 61_000):
        logs.put(str(time_ms), time_ms=time_ms)
    assert [row["@message"] for row in logs.query("sort @timestamp", start=60, end=60)] == ["60000", "60999"]


def test_the_statistics_of_a_query_are_true(logs: LogsCalls) -> None:
    events = logs("FilterLogEvents", logGroupName=GROUP, startTime=60_000, endTime=120_999)["events"]
    size = sum(len(event["message"].encode()) for event in events)
    scanned = {"recordsScanned": 4, "bytesScanned": size, "logGroupsScanned": 1}
    for query, matched, rows in [
        ("fields level", 4, 4),
        ("filter ispresent(level) | filter ttft_ms > 0", 2, 2),
        ("filter ispresent(level) | limit 1", 2, 1),
        ("filter ispresent(level) | stats count(*) as n by level | filter n > 1", 2, 0),
        ("filter ispresent(level) | stats count(*) | limit 1", 2, 1),
    ]:
        answer = logs.answer(query, 60, 120)
        assert answer["statistics"] == {**scanned, "recordsMatched": matched, "resultCount": rows}
        assert (answer["status"], answer["queryLanguage"]) == ("Complete", "CWLI")
        assert len(answer["results"]) == rows


def test_several_groups_are_read(logs: LogsCalls) -> None:
    answer = logs.answer("stats count(*) as n", 0, 10_000, GROUP, "/other")
    assert answer["results"] == [[{"field": "n", "value": "7"}]]
    assert answer["statistics"]["logGroupsScanned"] == 2


def test_keywords_are_of_any_case_and_line_breaks_are_nothing(logs: LogsCalls) -> None:
    assert logs.query("fields level\n  | FILTER level like /ERROR/\n  | Sort @timestamp Desc") == [{"level": "ERROR"}]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ('parse @message "*" as x', "the Logs Insights command parse with a string"),
        ("parse level /(?<x>I)/", "the Logs Insights command parse without fields x after it"),
        ("stats count(*) as n | parse n /(?<x>1)/", "parse after stats"),
        ("limit 5 | parse level /(?<x>1)/ | filter x = 1", "filter after limit"),
        ("fields a | display a", "the Logs Insights command display"),
        ("fields a | dedup a", "the Logs Insights command dedup"),
        ("filter a = 1 | DIFF", "the Logs Insights command DIFF"),
        ("SOURCE logGroups()", "the Logs Insights command SOURCE"),
        ("stats count(*) as n by a | stats max(n)", "stats after stats"),
        ("stats count(*) as n | fields n", "fields after stats"),
        ("limit 5 | filter a = 1", "filter after limit"),
        ("limit 5 | stats count(*)", "stats after limit"),
        ("limit 5 | sort a", "sort after limit"),
        ("limit 5 | limit 4", "limit after limit"),
        ("fields abs(a)", "function abs(a) here"),
        ("fields ispresent(a)", "function ispresent(a) here"),
        ("fields datefloor(1h)", "function datefloor(1h) here"),
        ("filter avg(a) > 1", "function avg(a) here"),
        ("filter ispresent(*)", "function ispresent(*) as a condition"),
        ("filter isblank(a)", "function isblank(a) as a condition"),
        ("stats stddev(a)", "stddev(a) in the Logs Insights command stats"),
        ("stats a", "a in the Logs Insights command stats"),
        ("stats latest(a)", "latest(a) in the Logs Insights command stats"),
        ("stats avg(ceil(a))", "function ceil(a) here"),
        ("stats max(@timestamp)", "aggregations of a time in Logs Insights: @timestamp"),
        ('filter level > "A"', 'the order of strings in Logs Insights: level > "A"'),
        ("fields @requestId", "the Logs Insights field @requestId"),
        ("fields @logStream", "the Logs Insights field @logStream"),
        ("fields a + 1", "this part of the query: + 1"),
        ("filter a % 2 = 1", "this part of the query: % 2 = 1"),
        ("filter a =~ /b/", "this part of the query: =~ /b/"),
        ("fields `a-b`", "this part of the query: `a-b`"),
        ("fields a # why", "this part of the query: # why"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(logs: LogsCalls, query: str, named: str) -> None:
    code, message = start_refusal(logs, query)
    assert code == "NotImplementedException"
    assert named in message


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("", "Not understood in the query: its end"),
        ("fields a |", "Not understood in the query: its end"),
        ("filter a == 1", "Not understood in the query: = 1"),
        ("fields 'a' 'b'", "Not understood in the query: 'b'"),
        ("filter level", "Not understood in the query: its end"),
        ("filter not 1", "Not understood in the query: its end"),
        ("fields ispresent(a) = 1", "Not understood in the query: = 1"),
        ("limit 0", "limit takes a number from 1 to 10000, not 0"),
        ("limit 10001", "not 10001"),
        ("stats count(*) by level | filter outcome = 'x'", "There is no outcome here"),
        ("stats count(*) by level | sort bin(5m)", "There is no bin(5m) here"),
        ("stats avg(*)", "avg takes one field, not avg(*)"),
        ("stats avg()", "avg takes one field, not avg()"),
        ("stats pct(ttft_ms)", "pct takes a field and a number from 0 to 100"),
        ("stats pct(ttft_ms, 101)", "pct takes a field and a number from 0 to 100"),
        ("stats pct(ttft_ms, level)", "pct takes a field and a number from 0 to 100"),
        ("filter @timestamp = '2026-11-22'", "A time compares with milliseconds"),
        ("filter @timestamp in ['2026-11-22']", "A time compares with milliseconds"),
        ("filter " + "not " * 2000 + "level = 1", "nested too deeply"),
        ("filter level like /(/", "missing ): ("),
        ("parse level /(I)/ | fields x", "parse takes a regular expression with named groups, (?<NAME>...), not /(I)/"),
        ("parse level /(?<x>/ | fields x", "The regular expression /(?<x>/ cannot be used"),
        ("filter level like /(?=x)/", "invalid perl operator"),
        ("fields bin(999999999d)", "Out of Range Error"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_why(logs: LogsCalls, query: str, complaint: str) -> None:
    code, message = start_refusal(logs, query)
    assert code == "MalformedQueryException"
    assert complaint in message


def test_queries_are_known_by_their_ids_until_there_are_too_many(logs: LogsCalls) -> None:
    def start() -> str:
        request = {"logGroupNames": [GROUP], "queryString": "stats count(*)", "startTime": 0, "endTime": 1}
        return str(logs("StartQuery", **request)["queryId"])

    first, *_, last = [start() for _ in range(101)]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", last)
    assert logs("GetQueryResults", queryId=last)["status"] == "Complete"
    unknown = ("ResourceNotFoundException", "The specified query does not exist.")
    assert logs.refusal("GetQueryResults", queryId=first) == unknown


def test_large_results_are_kept_for_fewer_queries() -> None:
    logs = LogsCalls()
    logs.put(*["x" * 4_500_000] * 10)

    def start(query: str) -> str:
        request = {"logGroupNames": [GROUP], "queryString": query, "startTime": 0, "endTime": 1}
        return str(logs("StartQuery", **request)["queryId"])

    def kept(*queries: str) -> list[bool]:
        found = []
        for query in queries:
            try:
                found.append(bool(logs("GetQueryResults", queryId=query)))
            except ApiError:
                found.append(False)
        return found

    first, second = (start("fields @message | limit 4") for _ in range(2))
    assert kept(first, second) == [False, True]
    small = start("stats count(*)")
    assert kept(second, small) == [True, True]
    assert kept(start("fields @message | limit 8"), second, small) == [True, False, False]


def test_a_query_cannot_become_sql(logs: LogsCalls) -> None:
    injected = (
        """fields "'); DROP TABLE log_events; --" as a, '" OR 1=1 --' as b | stats count(*) as c by a, b, level"""
    )
    assert {row["a"] for row in logs.query(injected)} == {"'); DROP TABLE log_events; --"}
    assert len(logs.filter("")) == 6


def start_refusal(logs: LogsCalls, query: str) -> tuple[str, str]:
    return logs.refusal("StartQuery", logGroupNames=[GROUP], queryString=query, startTime=0, endTime=1_000)


def test_one_filter_after_another_keeps_what_fulfils_both(logs: LogsCalls) -> None:
    rows = logs.query('filter level = "INFO" or level = "ERROR" | filter ttft_ms > 200 or ttft_ms < 100 | fields level')
    assert [row["level"] for row in rows] == ["ERROR"]


def test_a_query_that_would_keep_all_others_waiting_is_refused(logs: LogsCalls) -> None:
    most = ["1"] * 499
    logs.query(f"filter a in [{', '.join(most)}]")
    code, message = start_refusal(logs, f"filter a in [{', '.join([*most, '1'])}]")
    assert code == "NotImplementedException"
    assert "more than 500 names and values" in message
