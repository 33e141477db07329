"""The JSON document and the lines: they fit their schema, all of which is used; what was saved is read as it was."""

import copy
import json
import math
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from probe.errors import UsageError
from probe.figures import FIGURES, TIMES
from probe.formats import FORMATS
from probe.measurement import EXIT_CODES, INTERRUPTED, Failure, Run
from probe.output import jsonl, render, saved
from probe.result import Conditions, Result
from probe_reports import NASTY, a_report, everything
from probe_runs import a_failed_run, a_result, a_run, a_series
from tools import REPOSITORY

SCHEMA = json.loads((REPOSITORY / "src/probe/probe/output/result.schema.json").read_text())
LINE = {"$schema": SCHEMA["$schema"], "$ref": "#/$defs/line", "$defs": SCHEMA["$defs"]}

FAILURE = {"type": "cut", "message": "no more", "retryable": None}

REPORTS = {
    "one run": a_report(a_run()),
    "nothing completed": a_report(a_failed_run(), slo="ttft_p95=1s"),
    "everything": everything(),
}


def document(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(render(REPORTS[name], "json"))
    return found


def lines() -> list[dict[str, Any]]:
    series = everything().result.series
    return [json.loads(jsonl.line(run, series=series, against=False)) for run in series.runs]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", REPORTS)
def test_documents_fit_the_schema(name: str) -> None:
    Draft202012Validator(SCHEMA).validate(document(name))


def test_lines_fit_the_schema() -> None:
    for line in lines():
        Draft202012Validator(LINE).validate(line)


def test_everything_that_the_schema_describes_is_written() -> None:
    """Without any one of the fields that it describes some document or line would not fit any more."""
    schema = copy.deepcopy(SCHEMA)
    del schema["$defs"]["run"]["allOf"]  # conditions name fields once more
    whole, line = Draft202012Validator(schema), Draft202012Validator({"$ref": "#/$defs/line", "$defs": schema["$defs"]})

    def all_fit() -> bool:
        return all(map(whole.is_valid, documents)) and all(map(line.is_valid, lines()))

    documents = [document(name) for name in REPORTS]
    assert all_fit()
    described = [(fields, name) for fields in property_maps(schema) for name in fields]
    for fields_of_one, name in described:
        field = fields_of_one.pop(name)
        assert not all_fit(), name
        fields_of_one[name] = field
    assert len(described) > 80


def property_maps(schema: Any) -> Iterator[dict[str, Any]]:
    """Every `properties` of the schema."""
    if isinstance(schema, dict):
        for name, inner in schema.items():
            if name == "properties":
                yield inner
            yield from property_maps(inner)


def test_the_schema_knows_every_field_and_every_name() -> None:
    defs = SCHEMA["$defs"]
    for name, dataclass in (("run", Run), ("conditions", Conditions)):
        names = [field.name for field in fields(dataclass)]
        assert list(defs[name]["properties"]) == defs[name]["required"] == names
    assert (defs["figure"]["enum"], defs["time"]["enum"]) == (list(FIGURES), list(TIMES))
    assert defs["format"]["enum"] == list(FORMATS)
    assert set(defs["run"]["properties"]["outcome"]["enum"]) == set(EXIT_CODES)
    assert set(defs["summary"]["properties"]["outcomes"]["propertyNames"]["enum"]) == set(EXIT_CODES) - {INTERRUPTED}


@pytest.mark.parametrize("schema", [SCHEMA, LINE])
def test_a_field_more_or_less_does_not_fit(schema: dict[str, Any]) -> None:
    """At every place: an object with a field that nobody described, and one without a field of its own."""
    whole = lines()[10]
    if schema is SCHEMA:
        whole = document("everything")
        whole["runs"], whole["against"]["runs"] = whole["runs"][10:11], whole["against"]["runs"][:1]
    fits = Draft202012Validator(schema).is_valid
    assert fits(whole)
    tried = 0
    for found in list(objects(whole)):
        found["more"] = 1
        assert not fits(whole)
        del found["more"]
        counted_by_name = set(found) <= {*FIGURES, *EXIT_CODES, *FORMATS}
        for name in list(found):
            value = found.pop(name)
            assert fits(whole) == counted_by_name, name
            found[name] = value
            tried += 1
    assert fits(whole)
    assert tried > 30


def objects(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a document but those that the server wrote, and of the figures one."""
    if isinstance(value, dict):
        yield value
        for name, item in value.items():
            if name not in {"usage", "timing", *FIGURES} or name == "ttft":
                yield from objects(item)
    elif isinstance(value, list):
        for item in value[:2]:
            yield from objects(item)


def test_the_document_has_the_figures_of_the_runs() -> None:
    found = document("everything")
    assert list(found)[:6] == ["schema_version", "started_at", "conditions", "url", "region", "buffered"]
    assert (found["schema_version"], found["url"], found["buffered"]) == (4, a_series().url, False)
    assert [run["ttft_ms"] for run in found["runs"][:3]] == [5000.0, 100.0, 200.0]
    # Nine completed: 100, 200 ... 700, 1600 and 400 ms.
    ttft = found["summary"]["figures"]["ttft"]
    assert (ttft["count"], ttft["min"], ttft["p50"], ttft["max"]) == (9, 100.0, 400.0, 1600.0)
    # With nine values the interval of the median goes from the second to the eighth: 1 - 2 * 10 / 512 = 96 %.
    assert ttft["intervals"] == {"p50": [200.0, 700.0], "p90": None, "p95": None, "p99": None}
    assert (ttft["p90"], ttft["p95"], ttft["p99"]) == (None, None, None), "nine values carry none of them"
    assert found["summary"]["outcomes"] == {"completed": 9, "cut": 1, "transport": 1, "error": 1, "http_error": 1}
    assert (found["summary"]["finished"], found["summary"]["cold_starts"], found["summary"]["bursts"]) == (13, 1, 1)
    assert found["summary"]["cold"]["ttft"]["max"] == found["summary"]["cold"]["ttft"]["min"] == 1600.0
    assert [(item["name"], item["limit"], item["met"]) for item in found["objectives"]] == [
        ("ttft_p50", 650.0, True),
        ("total_max", 1000.0, False),
        ("failures", 1.0, False),
        ("tpot_p50", 2000.0, True),
        ("bursts", 0.0, False),
    ]
    assert found["objectives"][0]["value"] == 400.0
    assert found["slowest"]["number"] == 8
    assert sum(value or 0.0 for value in found["slowest"]["parts"].values()) == pytest.approx(1605.0)
    assert found["against"]["buffered"] is True
    assert found["against"]["summary"]["figures"]["ttft"]["p50"] == 900.0
    assert found["differences"]["ttft"]["median"] == -500.0
    assert found["differences"]["ttft"]["ratio"] == pytest.approx(4 / 9)


def test_what_was_not_compared_has_no_comparison() -> None:
    assert not {"against", "differences"} & set(document("one run"))


def test_the_same_report_is_the_same_text_in_visible_ascii() -> None:
    texts = [render(everything(), "json") for _ in range(2)]
    assert texts[0] == texts[1]
    assert re.fullmatch(r"[ -~\n]+", texts[0])
    assert json.loads(texts[0])["runs"][13]["error"]["message"] == NASTY


def test_a_line_stands_for_itself() -> None:
    run = a_run(number=7, warm_up=True, model=NASTY)
    line = jsonl.line(run, series=a_series(url="https://b.example/", buffered=True), against=True)
    assert re.fullmatch("[ -~]+", line)
    found = json.loads(line)
    assert (found["schema_version"], found["url"], found["region"]) == (4, "https://b.example/", "eu-west-1")
    assert (found["buffered"], found["against"], found["warm_up"], found["number"]) == (True, True, True, 7)
    assert found["gaps_ms"] == run.gaps_ms
    assert found["timing"] == run.timing
    assert found["model"] == NASTY


def test_what_is_no_json_is_never_written() -> None:
    run = a_run(connect_ms=math.nan)
    with pytest.raises(ValueError, match="JSON"):
        jsonl.line(run, series=a_series(run), against=False)
    with pytest.raises(ValueError, match="JSON"):
        render(replace(a_report(a_run()), result=a_result(a_series(run))), "json")


def test_lines_need_nothing_but_the_standard_library() -> None:
    """-S hides every installed package."""
    code = "import sys; sys.path.insert(0, sys.argv[1]); from probe.output import jsonl"
    subprocess.run([sys.executable, "-I", "-S", "-c", code, str(REPOSITORY / "src/probe")], check=True, timeout=60)


def ended(ending: tuple[str, Failure | None], **fields: Any) -> Run:
    """A run that ended like this."""
    return a_run(outcome=ending[0], error=ending[1], **fields)


texts = st.text(max_size=5)
numbers = st.floats(-86_400_000, 86_400_000)
objects_of_a_server = st.none() | st.dictionaries(
    texts, st.recursive(st.none() | numbers | texts, st.lists, max_leaves=3)
)


@given(
    run=st.builds(
        ended,
        ending=st.just(("completed", None))
        | st.tuples(
            st.sampled_from([outcome for outcome, code in EXIT_CODES.items() if code]),
            st.builds(Failure, texts, texts, st.none() | st.booleans()),
        ),
        number=st.integers(1, 10**9),
        warm_up=st.booleans(),
        status=st.none() | st.integers(100, 599),
        dns_ms=st.none() | numbers,
        gaps_ms=st.lists(numbers, min_size=1, max_size=3),
        cold_start=st.none() | st.booleans(),
        connection=st.sampled_from(["new", "reused", None]),
        delivery=st.sampled_from(["streamed", "burst", None]),
        model=st.none() | texts,
        trace_id=st.none() | texts,
        usage=objects_of_a_server,
        timing=objects_of_a_server,
    )
)
def test_a_saved_run_is_read_as_it_was(tmp_path_factory: pytest.TempPathFactory, run: Run) -> None:
    path = tmp_path_factory.mktemp("saved") / "runs.json"
    # The report is one of another run: only what was measured is read back.
    report = replace(a_report(a_run()), result=a_result(a_series(run)))
    path.write_text(render(report, "json"))
    assert saved.read(path) == report.result


def test_a_saved_result_is_read_as_it_was(tmp_path: Path) -> None:
    runs = [a_run(warm_up=True), a_run(), a_failed_run(number=2, error=Failure(NASTY, NASTY, False))]
    conditions = Conditions(9, 1, 4, True, 0.5, 3, "a.model", 77, "0123456789abcdef")
    series = a_series(*runs, url="https://c.example/", region="us-gov-east-1", buffered=True)
    result = a_result(series, conditions=conditions)
    (tmp_path / "runs.json").write_text(render(replace(a_report(a_run()), result=result), "json"))
    assert saved.read(tmp_path / "runs.json") == Result(result.started_at, conditions, result.series, None)


def test_a_series_without_a_region_is_read_as_it_was(tmp_path: Path) -> None:
    result = a_result(a_series(a_run(format="openai"), url="https://d.example/v1/chat?api-version=1", region=None))
    (tmp_path / "runs.json").write_text(render(replace(a_report(a_run()), result=result), "json"))
    assert saved.read(tmp_path / "runs.json") == result


def changed(change: Callable[[dict[str, Any]], object]) -> str:
    content = document("one run")
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is not one JSON document; give a file that --output json has written"),
        ("[]", "is not one JSON document; give a file that --output json has written"),
        (b"\xff\xfe\x00", "is not one JSON document; give a file that --output json has written"),
        ("[" * 100_000, "is not one JSON document; give a file that --output json has written"),
        ('{"schema_version": 2}\n{"schema_version": 2}\n', "is not one JSON document; give a file that --output json"),
        (changed(lambda found: found["runs"][0].update(ttft_ms=math.nan)), "is not one JSON document"),
        ("{}", ": $.schema_version is null, and this probe reads 4: another version of the probe has written the file"),
        (changed(lambda found: found.update(schema_version=3)), ": $.schema_version is 3, and this probe reads 4: "),
        (changed(lambda found: found.pop("runs")), ": $: 'runs' is a required property"),
        (changed(lambda found: found["runs"][0].update(ttft_ms="x" * 999)), "x' is not of type 'number', 'null'"),
        (changed(lambda found: found["runs"][0].update(ttft_ms="x")), ": $.runs[0].ttft_ms: 'x' is not of type"),
        (changed(lambda found: found["runs"][0].update(outcome="fine")), ": $.runs[0].outcome: 'fine' is not one of"),
        (
            changed(lambda found: found["runs"][0].update(outcome="cut")),
            ": $.runs[0].error: None is not of type 'object'",
        ),
        (changed(lambda found: found["runs"][0].update(total_ms=None, delivery=None)), "total_ms: None is not of type"),
        (changed(lambda found: found["runs"][0].update(error=FAILURE)), "'retryable': None} is not of type 'null'"),
        (changed(lambda found: found["runs"][0].update(first_chunk_ms=None)), "first_chunk_ms: None is not of type"),
        (changed(lambda found: found["runs"][0].update(format="xml")), ": $.runs[0].format: 'xml' is not valid"),
        (changed(lambda found: found.update(runs=7)), ": $.runs: 7 is not of type 'array'"),
        (changed(lambda found: found.update(runs=[7])), ": $.runs[0]: 7 is not of type 'object'"),
        (changed(lambda found: found.update(region="x/y")), ": $.region: 'x/y' does not match"),
        (changed(lambda found: found.update(started_at="now")), ": $.started_at: 'now' does not match"),
        (render(everything(), "json"), "is a comparison itself; give a file with the runs of one series"),
    ],
)
def test_a_file_that_is_no_result_is_refused_with_the_place(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "runs.json"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UsageError) as refused:
        saved.read(path)
    assert str(refused.value).startswith(str(path))
    assert message in str(refused.value)
    assert len(str(refused.value)) < len(str(path)) + 300


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.json", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(UsageError, match=f"^{re.escape(str(path))} cannot be read: {reason}$"):
            saved.read(path)


def test_an_unknown_format_is_no_format() -> None:
    with pytest.raises(ValueError, match="xml is no format"):
        render(everything(), "xml")
