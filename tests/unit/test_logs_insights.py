"""Logs Insights: every command, function and field against results worked out by hand or by NumPy."""

import re
import uuid
from typing import Any

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logs_calls import ARN, GROUP, LogsCalls

REQUEST = "0d4c9f1e-1b2a-4c3d-8e5f-0123456789ab"
START = f"START RequestId: {REQUEST} Version: $LATEST"
PRINTED = f"[INFO]\t2026-11-22T16:00:00.000Z\t{REQUEST}\tcalling the model"
TIMEOUT = f"2026-11-22T16:00:03.000Z {REQUEST} Task timed out after 3.00 seconds"
REPORT = (
    f"REPORT RequestId: {REQUEST}\tDuration: 2.03 ms\tBilled Duration: 3 ms\tMemory Size: 512 MB\t"
    "Max Memory Used: 70 MB\tInit Duration: 99.50 ms\t\n"
    "XRAY TraceId: 1-5759e988-bd862e3fe1be46a994272793\tSegmentId: 53995c3f42cd8ad8\tSampled: true\t"
)
DISCOVERED = (
    "@requestId, @type, @duration, @billedDuration, @initDuration, @memorySize, @maxMemoryUsed, @xrayTraceId, "
    "@xraySegmentId"
)
COMPLETED = {
    "level": "INFO",
    "outcome": "completed",
    "ttft_ms": 120.5,
    "usage": {"output_tokens": 40, "gen_ai.model": "nova"},
    "chunks": [3, {"text": "hi"}],
    "cold": True,
    "note": None,
    "@own": "at",
    "service.name": "firstbyte",
    "größe": "ü",
    "foo-bar": "b",
    "a/b~c": "slash",
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
    rows = logs.query('filter @logStream = "s1"')
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


def test_the_fields_of_every_event(logs: LogsCalls) -> None:
    [row] = logs.query("fields @timestamp, @logStream, @log, @message, @ingestionTime | filter @message like /^no/")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", row.pop("@ingestionTime"))
    assert row == {
        "@timestamp": time_of(119),
        "@logStream": "s1",
        "@log": f"123456789012:{GROUP}",
        "@message": "no {json",
    }


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (START, {"@requestId": REQUEST, "@type": "START"}),
        (f"END RequestId: {REQUEST}", {"@requestId": REQUEST, "@type": "END"}),
        (PRINTED, {"@requestId": REQUEST}),
        (TIMEOUT, {"@requestId": REQUEST}),
        (f"RequestId: {REQUEST} Error: Runtime exited", {"@requestId": REQUEST}),
        ("INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn", {"@type": "INIT_START"}),
        (
            REPORT,
            {
                "@requestId": REQUEST,
                "@type": "REPORT",
                "@duration": "2.03",
                "@billedDuration": "3",
                "@initDuration": "99.5",
                "@memorySize": "512000000",
                "@maxMemoryUsed": "70000000",
                "@xrayTraceId": "1-5759e988-bd862e3fe1be46a994272793",
                "@xraySegmentId": "53995c3f42cd8ad8",
            },
        ),
        (f"a line about REPORT RequestId: {REQUEST}\tDuration: 1 ms", {}),
        ("START of something", {}),
    ],
)
def test_the_fields_of_lambda_s_own_lines(line: str, expected: dict[str, str]) -> None:
    logs = LogsCalls()
    logs.put(line)
    assert logs.query(f"fields {DISCOVERED}") == [expected]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("level", "INFO"),
        ("ttft_ms", "120.5"),
        ("usage.output_tokens", "40"),
        ("usage.gen_ai.model", "nova"),
        ("service.name", "firstbyte"),
        ("chunks.0", "3"),
        ("chunks.1.text", "hi"),
        ("cold", "1"),
        ("@@own", "at"),
        ("`größe`", "ü"),
        ("`foo-bar`", "b"),
        ("`a/b~c`", "slash"),
        # No values: null, objects and lists, and what is not there.
        ("note", None),
        ("usage", None),
        ("chunks", None),
        ("chunks.2", None),
        ("level.x", None),
        ("absent", None),
    ],
)
def test_json_fields(logs: LogsCalls, name: str, expected: str | None) -> None:
    assert values(logs, name)[1] == expected
    [row] = logs.query(f"fields {name} | filter ttft_ms = 120.5")
    assert row == ({} if expected is None else {name.strip("`"): expected})


def test_a_text_is_a_number_only_if_it_looks_like_one() -> None:
    logs = LogsCalls()
    texts = ["5", "-5.25", "+.5", "5.", "1e3", "", " 5", "5 ms", "1_000", "0x10", "inf", "nan", "NaN", "-", "."]
    logs.put(*({"text": text} for text in texts))
    rows = logs.query("fields text + 0 as number, text | sort @ptr")
    numbers = {row["text"]: row["number"] for row in rows if "number" in row}
    assert numbers == {"5": "5", "-5.25": "-5.25", "+.5": "0.5", "5.": "5", "1e3": "1000"}
    assert [row["text"] for row in rows] == texts


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
        ("ttft_ms / 0 > 1", []),
        ("ttft_ms % 0 > 1", []),
        ("ttft_ms > usage.output_tokens * 100", [3]),
        ("ttft_ms - 400 > 100", [3]),
        ("@duration = 2.03", [5]),
        ("@memorySize = 512 * 1000 * 1000", [5]),
        ("cold = 1", [1]),
        ("cold = true", [1]),
        ("cold = FALSE", [3]),
        ("@timestamp = 120007", [3]),
        ("@timestamp >= 120007 and @timestamp < 121007", [3]),
        ('@message like "json"', [2]),
        ('@message like "JSON"', []),
        ("@message like /(?i)JSON/", [2]),
        ("@message like /Id: [0-9a-f]+-/", [0, 5]),
        ("@message =~ /^no/", [2]),
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
        ('strcontains(@message, "json")', [2]),
        ("isblank(level) and strlen(@message) < 10", [2]),
        ("level = outcome", []),
        ("ttft_ms = ttft_ms", [1, 3]),
    ],
)
def test_filter(logs: LogsCalls, condition: str, expected: list[int]) -> None:
    assert matching(logs, condition) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ttft_ms + 1", "121.5"),
        ("ttft_ms - 120", "0.5"),
        ("ttft_ms * 2", "241"),
        ("ttft_ms / 2", "60.25"),
        ("ttft_ms % 100", "20.5"),
        ("1 + ttft_ms * 2 - 3 * (1 + 1)", "236"),
        ("10 - 3 - 2", "5"),
        ("-ttft_ms", "-120.5"),
        ("abs(-ttft_ms)", "120.5"),
        ("ceil(ttft_ms)", "121"),
        ("floor(ttft_ms)", "120"),
        ("greatest(ttft_ms, absent, 200)", "200"),
        ("least(ttft_ms, absent, 200)", "120.5"),
        ("coalesce(absent, level, outcome)", "INFO"),
        ("concat(level, '-', ttft_ms * 2, \"!\")", "INFO-241!"),
        (r'concat("\"", ' + r"'\'')", "\"'"),
        ("strlen(`größe`)", "1"),
        ("tolower(level)", "info"),
        ("toupper(outcome)", "COMPLETED"),
        ("strcontains(level, 'NF')", "1"),
        ("strcontains(level, 'nf')", "0"),
        ("ispresent(level)", "1"),
        ("ispresent(absent)", "0"),
        ("isblank(absent)", "1"),
        ("isblank(level)", "0"),
        ("isblank(' \t')", "1"),
        ("bin(1m)", "1970-01-01 00:01:00.000"),
        ("bin(500ms)", "1970-01-01 00:01:01.000"),
        ("bin(7s)", "1970-01-01 00:00:56.000"),
        ("bin(2h)", "1970-01-01 00:00:00.000"),
        ("bin(1d)", "1970-01-01 00:00:00.000"),
        ("ttft_ms > 100", "1"),
        ("1000000 * 1000000", "1000000000000"),
        # No values: what is computed from none, and what has none.
        ("ttft_ms / 0", None),
        ("ttft_ms % 0", None),
        ("level * 2", None),
        ("ttft_ms * 1e300 * 1e300", None),
        ("ttft_ms + absent", None),
    ],
)
def test_expressions(logs: LogsCalls, expression: str, expected: str | None) -> None:
    assert values(logs, expression)[1] == expected


def test_an_expression_s_title_is_its_text_or_the_name_it_is_given(logs: LogsCalls) -> None:
    [row] = logs.query("fields ttft_ms+1, ttft_ms as `first token`, `first token` * 2 as double | filter double = 241")
    assert row == {"ttft_ms+1": "121.5", "first token": "120.5", "double": "241"}


def test_fields_add_up_and_display_replaces_them(logs: LogsCalls) -> None:
    both = "fields level | fields ttft_ms as t | filter t = 900"
    assert logs.query(both) == [{"level": "ERROR", "t": "900"}]
    assert logs.query(f"{both} | display outcome | display t, cold") == [{"t": "900", "cold": "0"}]
    assert logs.query(f"{both} | display outcome | fields cold") == [{"outcome": "failed"}]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("@timestamp", [0, 1, 2, 3, 4, 5]),
        ("@timestamp asc", [0, 1, 2, 3, 4, 5]),
        ("@timestamp desc", [5, 4, 3, 2, 1, 0]),
        # Numbers as numbers, after other values; events without the field at the end, the latest of them first.
        ("ttft_ms", [1, 3, 5, 4, 2, 0]),
        ("ttft_ms DESC", [3, 1, 5, 4, 2, 0]),
        ("coalesce(ttft_ms, level, @type)", [5, 0, 1, 3, 4, 2]),
        ("coalesce(ttft_ms, level, @type) desc", [3, 1, 0, 5, 4, 2]),
        ("@logStream desc, @timestamp", [3, 4, 5, 0, 1, 2]),
        ("ttft_ms | sort @timestamp", [0, 1, 2, 3, 4, 5]),
        ("ispresent(level) desc, @timestamp", [1, 3, 0, 2, 4, 5]),
    ],
)
def test_sort(logs: LogsCalls, keys: str, expected: list[int]) -> None:
    rows = logs.query(f"sort {keys} | fields @timestamp as time")
    assert [[time_of(second) for second in SECONDS].index(row["time"]) for row in rows] == expected


def test_events_of_one_millisecond_are_the_latest_arrival_first() -> None:
    logs = LogsCalls()
    logs.put(*"abc")
    assert [row["@message"] for row in logs.query("fields @message")] == ["c", "b", "a"]


def test_limits(logs: LogsCalls) -> None:
    assert [row["n"] for row in logs.query("fields @timestamp as n | sort n | limit 2")] == [time_of(60), time_of(61)]
    assert len(logs.query("fields level", limit=3)) == 3
    assert len(logs.query("fields level | limit 2 | fields cold", limit=3)) == 2
    assert len(logs.query("fields level | limit 4", limit=3)) == 3


def test_ten_thousand_rows_are_the_most() -> None:
    logs = LogsCalls()
    logs.put(*({"n": number} for number in range(10_002)))
    answer = logs.answer("fields n")
    assert len(answer["results"]) == answer["statistics"]["resultCount"] == 10_000
    assert answer["statistics"]["recordsMatched"] == 10_002
    assert logs.query("stats count(*) as n, max(n) as last") == [{"n": "10002", "last": "10001"}]


def test_stats_of_everything(logs: LogsCalls) -> None:
    assert logs.query(
        "stats count(*), count(), count(level), count_distinct(@logStream), sum(ttft_ms), avg(ttft_ms), min(ttft_ms), "
        "max(ttft_ms), earliest(level), latest(level), earliest(@timestamp), latest(ttft_ms), avg(level)"
    ) == [
        {
            "count(*)": "6",
            "count()": "6",
            "count(level)": "2",
            "count_distinct(@logStream)": "2",
            "sum(ttft_ms)": "1020.5",
            "avg(ttft_ms)": "510.25",
            "min(ttft_ms)": "120.5",
            "max(ttft_ms)": "900",
            "earliest(level)": "INFO",
            "latest(level)": "ERROR",
            "earliest(@timestamp)": time_of(60),
            "latest(ttft_ms)": "900",
        }
    ]


def test_stats_by_bins_and_fields(logs: LogsCalls) -> None:
    assert logs.query("stats count(*) as events, max(ttft_ms) by bin(1m)") == [
        {"bin(1m)": "1970-01-01 00:01:00.000", "events": "3", "max(ttft_ms)": "120.5"},
        {"bin(1m)": "1970-01-01 00:02:00.000", "events": "3", "max(ttft_ms)": "900"},
    ]
    assert logs.query("stats count(*) as events by level, cold = 1 as is_cold | sort events desc, level") == [
        {"events": "4"},
        {"level": "ERROR", "is_cold": "0", "events": "1"},
        {"level": "INFO", "is_cold": "1", "events": "1"},
    ]


def test_a_group_s_key_can_be_computed_with(logs: LogsCalls) -> None:
    query = "filter cold = 0 | stats concat(level, '!') as loud, strlen(o) * count(*) as n by level, outcome as o"
    assert logs.query(query) == [{"level": "ERROR", "o": "failed", "loud": "ERROR!", "n": "6"}]


def test_aggregations_can_be_computed_with(logs: LogsCalls) -> None:
    """As in the documentation's query for overprovisioned memory."""
    assert logs.query(
        """filter @type = "REPORT"
        | stats max(@memorySize / 1000 / 1000) as provisioned, max(@maxMemoryUsed / 1000 / 1000) as used,
            provisioned - used as over, 100 * count(*) / 8 as share, floor(avg(@duration)) as whole"""
    ) == [{"provisioned": "512", "used": "70", "over": "442", "share": "12.5", "whole": "2"}]


def test_what_stats_gives_can_be_filtered_sorted_limited_and_displayed(logs: LogsCalls) -> None:
    query = "fields coalesce(level, @type, 'none') as kind | stats count(*), sum(ttft_ms) as total by kind"
    assert [row["kind"] for row in logs.query(query)] == ["ERROR", "INFO", "REPORT", "START", "none"]
    assert logs.query(f"{query} | filter count(*) = 1 and total > 1 | sort total desc | limit 1 | display kind") == [
        {"kind": "ERROR"}
    ]
    assert logs.query(f"{query} | sort count(*) desc | limit 1") == [{"kind": "none", "count(*)": "2"}]


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
    [row] = many.query(f"stats pct(value, {percent}) as p, avg(value) as mean", logGroupName=group)
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


@pytest.mark.parametrize(
    "groups", [{"logGroupNames": [GROUP, "/other"]}, {"logGroupIdentifiers": [ARN, "/other"]}, {"logGroupName": GROUP}]
)
def test_several_groups_are_read(logs: LogsCalls, groups: dict[str, Any]) -> None:
    answer = logs.answer("stats count(*) as n by @log", **groups)
    expected = [{"@log": f"123456789012:{GROUP}", "n": "6"}, {"@log": "123456789012:/other", "n": "1"}]
    assert [{cell["field"]: cell["value"] for cell in row} for row in answer["results"]] == expected[
        : int(answer["statistics"]["logGroupsScanned"])
    ]
    assert answer["statistics"]["logGroupsScanned"] == (1 if "logGroupName" in groups else 2)


def test_comments_and_line_breaks_are_nothing(logs: LogsCalls) -> None:
    query = """# what failed
        | fields level # and how
        # | filter level = "INFO"
        | FILTER level like /#|ERROR/
        | Sort @timestamp Desc"""
    assert logs.query(query) == [{"level": "ERROR"}]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ('parse @message "*" as x', "command parse"),
        ("fields a | dedup a", "command dedup"),
        ("fields a | pattern @message", "command pattern"),
        ("filter a = 1 | DIFF", "command DIFF"),
        ("fields a | unmask a", "command unmask"),
        ("SOURCE logGroups()", "command SOURCE"),
        ("stats count(*) as n by a | stats max(n)", "stats after stats"),
        ("stats count(*) as n | fields n + 1", "fields after stats"),
        ("limit 5 | filter a = 1", "filter after limit"),
        ("limit 5 | stats count(*)", "stats after limit"),
        ("fields jsonParse(@message)", "function jsonParse"),
        ("stats stddev(a)", "function stddev"),
        ("filter avg(a) > 1", "function avg"),
        ("fields datefloor(1h)", "function datefloor of a period"),
        ("stats max(@timestamp)", "max of a time"),
        ('filter level > "A"', "order of strings"),
    ],
)
def test_what_is_not_supported_is_refused_by_its_name(logs: LogsCalls, query: str, named: str) -> None:
    code, message = start_refusal(logs, query)
    assert code == "NotImplementedException"
    assert named in message


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("", "from character 1 on: ''"),
        ("field a", "from character 1 on: 'field a'"),
        ("fields a |", "from character"),
        ("filter a == 1", "from character 11 on: '= 1'"),
        ("filter a = 'x", 'from character 12 on: "\'x"'),
        ("limit 1.5", "from character 8 on: '.5'"),
        ("limit 0", "limit takes a number from 1 to 10000, not 0"),
        ("limit 10001", "not 10001"),
        ("filter level", "level is no condition"),
        ("filter level and ttft_ms > 1", "level is no condition"),
        ("filter not 1", "1 is no condition"),
        ("fields @foo", "no field is discovered as @foo"),
        ("fields " + "a." * 9 + "a", "at most 8 dots, not 9"),
        ("fields count(*)", "count(*) is for the command stats"),
        ("fields abs(1, 2)", "abs takes 1 to 1 arguments, not 2"),
        ("fields strcontains('a')", "strcontains takes 2 to 2 arguments, not 1"),
        ("stats level", "there is no field level here"),
        ("stats count(*) + ttft_ms by level", "there is no field ttft_ms here"),
        ("stats count(*) by level | filter outcome = 'x'", "there is no field outcome here"),
        ("stats count(*) by level | sort bin(5m)", "bin of a period is for log events"),
        ("stats avg(*)", "avg takes a field, not *"),
        ("stats avg()", "avg takes 1 to 1 arguments, not 0"),
        ("stats pct(ttft_ms)", "pct takes a field and a number from 0 to 100"),
        ("stats pct(ttft_ms, 101)", "pct takes a field and a number from 0 to 100"),
        ("stats pct(ttft_ms, level)", "pct takes a field and a number from 0 to 100"),
        ("filter @timestamp = '2026-11-22'", "a time compares with milliseconds"),
        ("filter @timestamp in ['2026-11-22']", "a time compares with milliseconds"),
        ("filter " + "not " * 2000 + "level = 1", "nested too deeply"),
        ("fields " + ", ".join(f"f{number}" for number in range(1400)), "the query cannot be run"),
        ("filter level like /(/", "missing ): ("),
        ("filter level like /(?=x)/", "invalid perl operator"),
    ],
)
def test_what_makes_no_sense_is_an_error_that_says_why(logs: LogsCalls, query: str, complaint: str) -> None:
    code, message = start_refusal(logs, query)
    assert code == "MalformedQueryException"
    assert complaint in message


@pytest.mark.parametrize(
    ("changes", "code", "complaint"),
    [
        ({"queryLanguage": "SQL"}, "NotImplementedException", "query language SQL"),
        ({"queryLanguage": "PPL"}, "NotImplementedException", "query language PPL"),
        ({"startTime": 2}, "InvalidParameterException", "startTime must not be after endTime"),
        ({"limit": 10_001}, "InvalidParameterException", "limit must be from 1 to 10000"),
        ({"logGroupNames": [GROUP]}, "InvalidParameterException", "Exactly one of logGroupName"),
    ],
)
def test_a_query_that_cannot_be_started(logs: LogsCalls, changes: dict[str, Any], code: str, complaint: str) -> None:
    request = {"logGroupName": GROUP, "queryString": "fields a", "startTime": 0, "endTime": 1}
    refused, message = logs.refusal("StartQuery", **{**request, **changes})
    assert refused == code
    assert complaint in message


@pytest.mark.parametrize("groups", [{}, {"logGroupNames": []}, {"logGroupIdentifiers": [GROUP] * 51}])
def test_a_query_needs_its_groups(logs: LogsCalls, groups: dict[str, Any]) -> None:
    code, message = logs.refusal("StartQuery", queryString="fields a", startTime=0, endTime=1, **groups)
    assert code == "InvalidParameterException"
    assert "1 to 50 log groups" in message


def test_queries_are_known_by_their_ids_until_there_are_too_many(logs: LogsCalls) -> None:
    def start() -> str:
        request = {"logGroupName": GROUP, "queryString": "stats count(*)", "startTime": 0, "endTime": 1}
        return str(logs("StartQuery", **request)["queryId"])

    first, *_, last = [start() for _ in range(101)]
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", last)
    assert logs("GetQueryResults", queryId=last)["status"] == "Complete"
    for operation in ("GetQueryResults", "StopQuery"):
        assert logs.refusal(operation, queryId=first) == (
            "ResourceNotFoundException",
            "The specified query does not exist.",
        )
    assert logs.refusal("StopQuery", queryId=last) == (
        "InvalidParameterException",
        "The query has ended with the status Complete.",
    )


def test_a_query_cannot_become_sql(logs: LogsCalls) -> None:
    injected = """fields `'); DROP TABLE log_events; --` as `a"; DROP TABLE log_events; --`, "' OR 1=1 --" as b"""
    assert [row for row in logs.query(injected) if list(row) != ["b"]] == []
    assert len(logs.filter("")) == 6


def start_refusal(logs: LogsCalls, query: str) -> tuple[str, str]:
    return logs.refusal("StartQuery", logGroupName=GROUP, queryString=query, startTime=0, endTime=1_000)
