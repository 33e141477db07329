"""What users of Bedrock report, whole and through the sandbox: what the caller gets, and what is recorded of it."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from bedrock_cases import EXPECTED, Case, cases, chunks
from bedrock_replay import ReplayServer, Reply, exception, replay_server
from function_calls import parse_sse
from recorded import LOG_GROUP, OUTCOMES, Recorded
from sandbox_client import Answer, call
from sandbox_process import StartSandbox

MODEL, FALLBACK = "amazon.nova-lite-v1:0", "anthropic.claude-3-haiku-20240307-v1:0"
WHOLE = Reply(chunks([{"completion": "whole"}, {"completion": "", "stop_reason": "stop"}]))
SSE = {"accept": "text/event-stream"}


@dataclass
class Asked:
    """One case through the sandbox: what the caller got, and which models were asked."""

    case: Case
    answer: Answer
    paths: list[str]

    @property
    def lasts(self) -> bool:
        """Whether the first model's failure is the response's: the fallback cannot take over after the first byte."""
        return bool(self.case.expected.error_type and self.case.expected.text)


@dataclass
class Run:
    """All cases through one sandbox."""

    asked: dict[str, Asked]
    recorded: Recorded

    def outcomes(self) -> Counter[str]:
        return Counter(OUTCOMES[self.outcome(name)] for name in self.asked)

    def outcome(self, name: str) -> str:
        expected = self.asked[name].case.expected
        if self.asked[name].lasts:
            return "interrupted"
        return "completed" if "fallback" in name else expected.outcome


def ask(ready: dict[str, str], server: ReplayServer, case: Case) -> Asked:
    server.prepare(case.reply, WHOLE)
    answer = call(ready, f'{{"prompt": "Good evening", "api": "{case.api}"}}', headers=SSE)
    return Asked(case, answer, [seen.path for seen in server.seen])


@pytest.fixture(scope="module")
def server() -> Iterator[ReplayServer]:
    with replay_server() as server:
        yield server


@pytest.fixture(scope="module", params=["alone", "fallback"])
def run(request: pytest.FixtureRequest, start_sandbox: StartSandbox, server: ReplayServer) -> Run:
    found = cases()
    parameters = ("--parameter-overrides", f"FallbackModelId={FALLBACK}") if request.param == "fallback" else ()
    running = start_sandbox("--bedrock", server.url, *parameters)
    asked = {f"{request.param}: {name}": ask(running.ready, server, case) for name, case in found.items()}
    recorded = Recorded(running.ready)
    recorded.wait_for_requests(len(asked))
    return Run(asked, recorded)


def events_of(answer: Answer) -> list[tuple[str, dict[str, Any]]]:
    return parse_sse(answer.body)


SECRET = "correct horse battery staple"
FORMATS = ("text/plain", "text/event-stream", "application/x-ndjson", "application/json")


def test_the_whole_log_has_neither_prompt_nor_answer(start_sandbox: StartSandbox, server: ReplayServer) -> None:
    """What the function logs, and what the runtime and Lambda make of an answer that broke off."""
    running = start_sandbox("--bedrock", server.url)
    words = f"cannot answer {SECRET}"
    said = chunks([{"completion": SECRET}])
    replies = (
        Reply.error(400, "ValidationException", words),
        Reply([exception("validationException", words)]),
        Reply([*said, exception("validationException", words)]),
        Reply([*said, *chunks([{"error": {"type": "invalid_request_error", "message": words}}])]),
        Reply([*said, *chunks([{"error": {"type": "api_error", "message": words}}])]),
    )
    for accept in FORMATS:
        for reply in replies:
            server.prepare(reply)
            call(running.ready, f'{{"prompt": "{SECRET}", "api": "invoke"}}', headers={"accept": accept})
    recorded = Recorded(running.ready)
    recorded.wait_for_requests(len(FORMATS) * len(replies))
    lines = list(recorded.log_lines('{ $.message = "request failed" }'))
    assert [line["detail"] for line in lines] == ["cannot answer [...]"] * len(FORMATS) * len(replies)
    records = [*recorded.streams(LOG_GROUP).values(), recorded.trace_summaries(), running.log()]
    everything = json.dumps(records, default=str)
    assert [word for word in SECRET.split() if word in everything] == []


def test_every_case_was_asked(run: Run) -> None:
    assert len(run.asked) == len(EXPECTED)
    for asked in run.asked.values():
        assert asked.answer.complete


def test_callers_get_the_status_the_words_and_no_invented_cause(run: Run) -> None:
    for name, asked in run.asked.items():
        expected, answer = asked.case.expected, asked.answer
        if asked.lasts:
            last, fields = events_of(answer)[-1]
            assert (answer.status, last, fields["type"]) == (200, "error", expected.error_type), name
        elif run.outcome(name) == "completed":
            events = events_of(answer)
            text = "".join(fields["text"] for kind, fields in events if kind == "delta")
            assert (answer.status, events[-1][0]) == (200, "end"), name
            assert text == ("whole" if expected.error_type else expected.text), name
        else:
            error = answer.json["error"]
            assert (answer.status, error["type"]) == (expected.status, expected.error_type), name
            assert (error["message"] == asked.case.words) == expected.tells_words, name
            assert answer.header("retry-after") == ("1" if expected.status == 429 else None), name


def test_the_fallback_is_asked_while_nothing_was_sent(run: Run) -> None:
    for name, asked in run.asked.items():
        takes_over = "fallback" in name and asked.case.expected.error_type and not asked.lasts
        assert len(asked.paths) == (2 if takes_over else 1), name


def test_the_log_has_bedrocks_code_and_words(run: Run) -> None:
    failed = [asked.case for asked in run.asked.values() if asked.case.expected.error_type]
    lines = run.recorded.log_lines('{ $.message = "request failed" }')
    assert Counter((line["error_type"], line["code"], line["detail"]) for line in lines) == Counter(
        (case.expected.error_type, case.expected.code, case.words) for case in failed
    )
    (left_out,) = run.recorded.log_lines('{ $.message = "counts that cannot be are left out" }')
    assert (left_out["counts"], left_out["model_id"]) == (["input_tokens", "output_tokens"], MODEL)
    reasons = Counter(line.get("stop_reason") for line in run.recorded.log_lines('{ $.message = "response finished" }'))
    assert reasons["guardrail_intervened"] == 1


def test_the_metrics_are_those_of_the_outcomes(run: Run) -> None:
    counted = {name: run.recorded.metric(name, "Sum") or 0 for name in OUTCOMES.values()}
    assert counted == {name: run.outcomes()[name] for name in OUTCOMES.values()}
    asked_twice = sum(len(asked.paths) == 2 for asked in run.asked.values())
    assert run.recorded.metric("Fallbacks", "Sum") == asked_twice
    alone = not asked_twice
    assert (counted["Rejections"], counted["Throttles"], counted["ClientErrors"]) == ((5, 2, 0) if alone else (0, 0, 0))
    assert counted["InterruptedStreams"] == 1
    for name in ("InputTokens", "OutputTokens"):
        assert (run.recorded.metric(name, "Minimum") or 0) >= 0
