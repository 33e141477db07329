"""Directives: what is understood, what is refused and how, and when each piece is due."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.bedrock import script as script_module
from sandbox.bedrock.app import bedrock_app
from sandbox.bedrock.script import Directive, Fault, Script, ScriptError, Stall, parse_directive, script_for

NO_DEFAULT = Directive("", {})


def read(prompt: str, model: str = "amazon.nova-micro-v1:0", default: str = "") -> Script:
    return script_for(model, parse_directive(default), prompt)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("no directive", Script()),
        ("[[sandbox: ttft=1.5 gap=0]]", Script(ttft=1.5, gap=0)),
        ("a [[sandbox: chunks=3]] b [[sandbox: gap=7]] c", Script(chunks=3, gap=7)),
        ("[[sandbox: chunks=3]][[sandbox: chunks=4]]", Script(chunks=4)),
        ("[[sandbox:\n tool\techo ]]", Script(tool=True, echo=True)),
        ("[[sandbox: stall=2:50 stall=3:60]]", Script(stall=(Stall(2, 50), Stall(3, 60)))),
        (
            "[[sandbox: input=1 output=2 cache_read=3 cache_write=4 own_output=5]]",
            Script(input=1, output=2, cache_read=3, cache_write=4, own_output=5),
        ),
        ("[[sandbox: usage=none stop=refusal reasoning=2]]", Script(usage=False, stop="refusal", reasoning=2)),
        ("[[sandbox: fault=throttling]]", Script(fault=Fault("throttling"))),
        ("[[sandbox: fault=model_stream_error:0]]", Script(fault=Fault("model_stream_error", 0))),
        ("[[sandbox: fault=drop:4]]", Script(fault=Fault("drop", 4))),
        ("[[sandbox: fault=silent]]", Script(fault=Fault("silent"))),
        ("[[sandbox: fault=silent:1]]", Script(fault=Fault("silent", 1))),
        ("[[sandbox: fault=error_chunk:0]]", Script(fault=Fault("error_chunk", 0))),
        ("[[sandbox: guardrail]]", Script(guardrail=True)),
        ("[[sandbox: chunks=3 for=claude]]", Script()),
        ("[[sandbox: chunks=3 for=nova]]", Script(chunks=3)),
        ("[[sandbox:]] [ [sandbox: chunks=9]] [[chunks=9]] [[ -f x ]]", Script()),
    ],
)  # fmt: skip
def test_directives_are_read(prompt: str, expected: Script) -> None:
    assert read(prompt) == expected


def test_a_prompt_goes_over_the_default_and_the_rest_of_the_default_stays() -> None:
    assert read("[[sandbox: gap=1]]", default="ttft=9 gap=9") == Script(ttft=9, gap=1)
    assert read("", default="ttft=9 for=claude") == Script()


@pytest.mark.parametrize(
    ("directive", "complaint"),
    [
        ("colour=red", "unknown key 'colour'"),
        ("stalls=1:2", "unknown key 'stalls'"),
        ("x" * 500, "unknown key '" + "x" * 40 + "..."),
        ("ttft=fast", "ttft takes milliseconds from 0 to 900000, not 'fast'"),
        ("ttft=-1", "ttft takes milliseconds"),
        ("ttft=900001", "ttft takes milliseconds"),
        ("gap=nan", "gap takes milliseconds"),
        ("gap", "gap takes milliseconds from 0 to 900000, not ''"),
        ("chunks=1.5", "chunks takes a whole number"),
        ("chunks=٣", "chunks takes a whole number"),
        ("chunks=1000001", "chunks takes a whole number from 0 to 1000000"),
        ("stall=5", "stall takes AFTER:MS, not '5'"),
        ("stall=a:5", "stall takes a whole number from 0 to 1000000, not 'a:5'"),
        ("usage=some", "usage takes the value none"),
        ("stop=no!", "stop takes a stop reason"),
        ("tool=yes", "tool takes no value, not 'yes'"),
        ("for=", "for takes a value"),
        ("for=a for=b", "the key for is given twice"),
        ("gap=1 gap=2", "the key gap is given twice"),
        ("stall=1:0 " * 101, "stall is given more than 100 times"),
        ("fault=fire", "fault takes NAME with one of the names access_denied, internal,"),
        ("fault=fire", "validation, not 'fire'"),
        ("fault=error_chunk", "fault takes NAME with one of the names access_denied,"),
        ("guardrail=yes", "guardrail takes no value, not 'yes'"),
        ("fault=drop", "fault takes NAME with one of the names access_denied,"),
        ("fault=quota:3", "fault takes NAME:AFTER with one of the names drop, error_chunk, internal,"),
        ("fault=throttling:x", "fault takes a whole number"),
    ],
)
def test_a_bad_directive_is_refused_by_name(directive: str, complaint: str) -> None:
    with pytest.raises(ScriptError, match=re.escape(complaint)):
        parse_directive(directive)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        bedrock_app(directive, "us-east-1", lambda _: None)
    with pytest.raises(ScriptError, match=re.escape(complaint)):
        script_for("any", NO_DEFAULT, f"tell me [[sandbox: {directive}]]")


def test_a_bad_directive_for_another_model_is_refused_too() -> None:
    with pytest.raises(ScriptError, match="unknown key 'bad'"):
        read("[[sandbox: bad=1 for=claude]]")


@given(st.lists(st.sampled_from(["[[sandbox:", "[", "]]", "]", " chunks=2 ", "x", "\n"]), max_size=12).map("".join))
def test_directives_end_at_the_first_brackets_that_close(text: str) -> None:
    pattern = re.compile(r"\[\[sandbox:(.*?)\]\]", re.DOTALL)
    assert script_module.split_directives(text) == (pattern.findall(text), pattern.sub("", text))


class Counted(str):
    """A text that counts how many of its characters were searched."""

    searched = 0

    def find(self, what: str, start: int = 0) -> int:  # type: ignore[override]
        found = super().find(what, start)
        self.searched += (len(self) if found < 0 else found + len(what)) - start
        return found


@pytest.mark.parametrize("part", ["[[sandbox:", "[[sandbox: gap=1]]", "[[sandbox: gap=1] ]", "]]", "["])
def test_no_text_is_searched_twice_for_the_same_brackets(part: str) -> None:
    text = Counted(part * 9000)
    script_module.split_directives(text)
    assert 0 < text.searched <= 2 * len(text)


def test_due_times_are_absolute() -> None:
    script = Script(ttft=100, gap=10, stall=(Stall(0, 1000), Stall(2, 50), Stall(4, 7)))
    assert [script.due_ms(delta) for delta in range(4)] == [1100, 1110, 1170, 1180]
    assert script.end_ms(4) == 1187
    assert script.end_ms(0) == 1100


def test_the_docstring_names_every_key() -> None:
    documented = set(re.findall(r"\b([a-z_]+)=|^ +(tool|echo|guardrail) ", script_module.__doc__ or "", re.MULTILINE))
    keys = {name or flag for name, flag in documented} - {"key"}
    assert keys == script_module.KEYS
