"""scripts/verify.sh: it finds the sandbox right, and each claim that is broken wrong."""

import json
import os
import re
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from readme import table, unquoted
from sandbox.aws_api.contract import ApiError
from sandbox_process import StartSandbox
from stack_on_paper import NAME, StackOnPaper, events, lines, request_id, said, trace_id
from tools import REPOSITORY, without_aws
from verify import responses, surroundings, telemetry
from verify.access import PERMISSIONS
from verify.command import main
from verify.deployed import STACK
from verify_process import verify

ALL = {
    *(STACK, responses.HEADERS, responses.STREAMS, responses.START, *responses.FORMATS.values(), responses.REFUSED),
    *(responses.SETTINGS, responses.UNSIGNED, responses.INVOKED, responses.DEADLINE_EVENTS, responses.DEADLINE_TEXT),
    *(surroundings.DASHBOARD, surroundings.ALARMS, telemetry.LOG_LINES, telemetry.LOG_FIGURES, telemetry.REQUESTS),
    *(telemetry.TOKENS, telemetry.LAMBDA, telemetry.BEDROCK, telemetry.TRACE),
}
# Those that look at times.
TIMED = {responses.STREAMS, responses.INVOKED, telemetry.LOG_FIGURES}


def verdicts(document: Mapping[str, Any]) -> dict[str, str]:
    return {check["name"]: check["verdict"] for check in document["checks"]}


@pytest.mark.alone
def test_the_sandbox_is_as_claimed(start_sandbox: StartSandbox) -> None:
    """Short answers fit into the four seconds that a timeout of five leaves, long ones do not."""
    running = start_sandbox("--parameter-overrides", "TimeoutSeconds=5", "--model-script", "ttft=50 gap=75")
    done = verify("--sandbox", "--ready-file", str(running.ready_file), "--output", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdicts(json.loads(done.stdout)) == dict.fromkeys(ALL, "ok")


@pytest.mark.alone
def test_the_sandbox_through_the_variables_of_aws(start_sandbox: StartSandbox) -> None:
    """What scripts/env.sh exports is enough; the report is Markdown without what a public issue should not show."""
    running = start_sandbox()
    sandbox = running.ready
    done = subprocess.run(
        [
            "bash",
            "-c",
            'eval "$(scripts/env.sh --ready-file "$0")"; scripts/verify.sh --stack firstbyte',
            running.ready_file,
        ],
        cwd=REPOSITORY,
        env=without_aws(),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report = done.stdout.splitlines()
    assert report[0] == f"# Firstbyte in the sandbox, as {sandbox['region']}: {len(ALL) - 2} ok, 2 not checked"
    facts, checks = "\n".join(report).split("| Check | Verdict | Expected | Seen |\n")
    for fact in ("Stack | firstbyte, CREATE_COMPLETE", f"Region | {sandbox['region']}", "Python | 3.", "boto3 | 1."):
        assert f"| {fact}" in facts
    assert re.search(r"\| curl \| \d+\.\d+\.\d+ \|", facts)
    assert re.search(r"\| Firstbyte \| .*[0-9a-f]{7}", facts)
    assert "MaxOutputTokens=4096" in facts
    rows = [line.split(" | ")[:2] for line in checks.splitlines()[1:]]
    assert {name.removeprefix("| ") for name, _ in rows} == ALL
    unchecked = {name.removeprefix("| ") for name, verdict in rows if verdict == "not checked"}
    assert unchecked == {responses.DEADLINE_EVENTS, responses.DEADLINE_TEXT}
    for secret in (sandbox["secret_access_key"], sandbox["access_key_id"], "123456789012"):
        assert secret not in done.stdout + done.stderr
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == ["verify:"] * len(done.stderr.splitlines())


def test_a_model_behind_an_arn(start_sandbox: StartSandbox) -> None:
    """Its caller is told the last part alone; log, metrics and trace have the whole."""
    profile = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"
    running = start_sandbox("--parameter-overrides", f"ModelId={profile}")
    done = verify("--sandbox", "--ready-file", str(running.ready_file), "--output", "json")
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    bad = {name for name, check in found.items() if check["verdict"] not in ("ok", "not checked")}
    assert bad <= TIMED, done.stdout
    assert {found[name]["verdict"] for name in (responses.START, telemetry.TOKENS, telemetry.TRACE)} == {"ok"}
    assert found[telemetry.BEDROCK]["verdict"] == "not checked"
    assert "the model's id is an ARN" in found[telemetry.BEDROCK]["seen"]


def test_a_model_that_bedrock_refuses_says_nothing_of_the_settings(start_sandbox: StartSandbox) -> None:
    running = start_sandbox("--parameter-overrides", "ModelId=eu.anthropic.claude-haiku-4-5-20251001-v1:0")
    done = verify("--sandbox", "--ready-file", str(running.ready_file), "--output", "json", "--wait", "0")
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert checks[responses.START]["verdict"] == "failed"
    assert "The provided model identifier is invalid" in checks[responses.START]["seen"]
    assert checks[responses.SETTINGS]["verdict"] == "not checked"


def test_a_sandbox_whose_models_do_not_stream(start_sandbox: StartSandbox) -> None:
    running = start_sandbox("--model-script", "ttft=500 gap=0")
    done = verify("--sandbox", "--ready-file", str(running.ready_file))
    assert done.returncode == 1, done.stderr
    failed = {line.split(" | ")[0].removeprefix("| ") for line in done.stdout.splitlines() if " | failed | " in line}
    assert {responses.STREAMS, responses.INVOKED} <= failed <= TIMED
    assert "it came in one burst" in done.stdout


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[StackOnPaper], Any]:
    """Run the checks in this process, against a stack on paper; gives the exit code and the findings by name."""

    def run(stack: StackOnPaper) -> tuple[int, dict[str, dict[str, str]]]:
        with stack.running() as variables:
            for name in [name for name in os.environ if name.startswith("AWS_")]:
                monkeypatch.delenv(name)
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            code = main(["--stack", NAME, "--wait", "0", "--output", "json"])
        checks = json.loads(capsys.readouterr().out)["checks"]
        assert {check["name"] for check in checks} == ALL
        return code, {check["name"]: check for check in checks}

    return run


@pytest.mark.alone
def test_a_stack_that_is_as_claimed(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    # Exactly what it is sent: the unsigned call does not reach it, and four others are no whole answers.
    for metric in (("Firstbyte", "Requests"), ("AWS/Lambda", "Invocations")):
        stack.metrics[metric] = 10
    stack.metrics["Firstbyte", "Completed"] = 6
    for kind in ("events", "invoked"):  # slowly, so that a busy machine does not make one moment of two
        stack.replies[kind].pieces = [(at * 5, data) for at, data in stack.replies[kind].pieces]
    code, found = run(stack)
    assert {name: check["seen"] for name, check in found.items() if check["verdict"] != "ok"} == {}
    assert code == 0
    for name in (telemetry.REQUESTS, telemetry.TOKENS, telemetry.LAMBDA, telemetry.BEDROCK):
        assert re.fullmatch(r"at least .*; others' requests in the same minutes count, too", found[name]["expected"])
    assert len(stack.requests) == 11
    # The permissions in --help are those of what is asked.
    assert {name for name, _ in stack.asked} == {each.partition(":")[2] for each in PERMISSIONS[:-2]}


# A change of the stack on paper that breaks a claim.
Break = Callable[[StackOnPaper], None]
BROKEN: dict[str, tuple[Break, set[str]]] = {}


def breaks(*names: str) -> Callable[[Break], Break]:
    """Register a change, and the checks that must find it; all others must find nothing."""

    def register(change: Break) -> Break:
        BROKEN[change.__name__] = (change, set(names))
        return change

    return register


@breaks(STACK)
def an_update_that_was_rolled_back(stack: StackOnPaper) -> None:
    stack.status = "UPDATE_ROLLBACK_COMPLETE"


@breaks(responses.HEADERS)
def no_request_id(stack: StackOnPaper) -> None:
    del stack.replies["events"].headers["x-request-id"]


@breaks(responses.HEADERS, telemetry.TRACE)
def another_trace_id(stack: StackOnPaper) -> None:
    stack.replies["events"].headers["x-amzn-trace-id"] = f"Root={trace_id('other')};Sampled=1"


@breaks(responses.HEADERS, responses.STREAMS, responses.START, telemetry.LOG_FIGURES, telemetry.TRACE)
def headers_that_lambda_did_not_apply(stack: StackOnPaper) -> None:
    stack.replies["events"].headers["content-type"] = "application/octet-stream"


@breaks(responses.STREAMS)
def an_answer_that_comes_at_once(stack: StackOnPaper) -> None:
    reply = stack.replies["events"]
    stack.lines[request_id("events")]["duration_ms"] = 403.0
    reply.pieces = [(0.4, reply.body.replace(b"83.0", b"403.0"))]


@breaks(responses.STREAMS)
def an_answer_that_comes_in_two_pieces(stack: StackOnPaper) -> None:
    first, second, *others = (data for _, data in stack.replies["events"].pieces)
    stack.replies["events"].pieces = [(0.0, first + second), (0.1, b"".join(others))]


@breaks(responses.START, telemetry.TOKENS, telemetry.BEDROCK, telemetry.TRACE)
def the_fallback_model(stack: StackOnPaper) -> None:
    reply = stack.replies["events"]
    reply.pieces = [(at, data.replace(b"nova-lite", b"nova-micro")) for at, data in reply.pieces]


@breaks(responses.START, telemetry.LOG_FIGURES)
def no_token_counts(stack: StackOnPaper) -> None:
    reply = stack.replies["events"]
    reply.pieces = [(at, data.replace(b'"usage"', b'"usages"')) for at, data in reply.pieces]


@breaks(responses.STREAMS, responses.START)
def a_stream_that_is_cut(stack: StackOnPaper) -> None:
    del stack.replies["events"].pieces[-1]
    stack.replies["events"].is_cut = True


@breaks(responses.FORMATS["application/x-ndjson"])
def lines_without_an_end(stack: StackOnPaper) -> None:
    stack.replies["lines"].say(b"".join(lines(*said("lines")[:-1])))


@breaks(responses.FORMATS["application/x-ndjson"])
def events_in_place_of_lines(stack: StackOnPaper) -> None:
    stack.replies["lines"].headers["content-type"] = "text/event-stream"
    stack.replies["lines"].say(b"".join(events(*said("lines"))))


@breaks(responses.FORMATS["text/plain"])
def text_that_is_cut(stack: StackOnPaper) -> None:
    stack.replies["text"].is_cut = True


@breaks(responses.FORMATS["text/plain"])
def text_that_is_empty(stack: StackOnPaper) -> None:
    stack.replies["text"].pieces = []


@breaks(responses.FORMATS["application/json"])
def a_document_without_text(stack: StackOnPaper) -> None:
    stack.replies["document"].say(b"{}")


@breaks(responses.REFUSED)
def a_refusal_of_another_field(stack: StackOnPaper) -> None:
    stack.replies["unfit"].say(b'{"error": {"type": "invalid_request", "field": "prompt"}}')


@breaks(responses.REFUSED)
def a_request_that_does_not_fit_and_is_answered(stack: StackOnPaper) -> None:
    stack.replies["unfit"] = stack.replies["at"]


@breaks(responses.SETTINGS)
def an_older_version_with_a_higher_limit(stack: StackOnPaper) -> None:
    stack.replies["above"] = stack.replies["at"]


@breaks(responses.SETTINGS)
def an_older_version_with_a_lower_limit(stack: StackOnPaper) -> None:
    stack.replies["at"] = stack.replies["above"]


@breaks(responses.UNSIGNED)
def an_unsigned_call_that_is_let_through(stack: StackOnPaper) -> None:
    stack.replies["unsigned"] = stack.replies["above"]


@breaks(responses.UNSIGNED)
def an_unsigned_call_that_breaks_something(stack: StackOnPaper) -> None:
    stack.replies["unsigned"].status = 500


@breaks(responses.UNSIGNED)
def a_public_url_that_lets_nobody_in(stack: StackOnPaper) -> None:
    stack.parameters["UrlAuthType"] = "NONE"


@breaks(responses.INVOKED)
def an_invocation_that_comes_at_once(stack: StackOnPaper) -> None:
    reply = stack.replies["invoked"]
    reply.pieces = [(0.1, reply.body)]


@breaks(responses.INVOKED)
def an_invocation_that_fails_midway(stack: StackOnPaper) -> None:
    stack.completion = {"ErrorCode": "DeadlineExceeded"}


@breaks(responses.INVOKED)
def an_invocation_that_does_not_end(stack: StackOnPaper) -> None:
    stack.replies["invoked"].is_cut = True


@breaks(responses.INVOKED)
def an_invocation_that_is_not_allowed(stack: StackOnPaper) -> None:
    stack.refused["Invoke"] = ApiError("AccessDeniedException", "User: arn is not authorized", 403)


@breaks(responses.DEADLINE_EVENTS)
def events_that_do_not_tell_of_the_deadline(stack: StackOnPaper) -> None:
    del stack.replies["late events"].pieces[-1]
    stack.replies["late events"].is_cut = True


@breaks(responses.DEADLINE_EVENTS)
def events_that_tell_of_the_deadline_and_then_are_cut(stack: StackOnPaper) -> None:
    stack.replies["late events"].is_cut = True


@breaks(responses.DEADLINE_TEXT)
def text_that_a_reset_connection_ends(stack: StackOnPaper) -> None:
    """It ends curl with 56."""
    stack.replies["late text"].is_reset = True


@breaks(responses.DEADLINE_TEXT, telemetry.LOG_LINES)
def text_that_is_cut_without_a_log_line(stack: StackOnPaper) -> None:
    """Lambda's own timeout does this: it ends the function before it can write the line."""
    del stack.lines[request_id("late text")]


@breaks(responses.DEADLINE_TEXT)
def text_that_is_cut_for_another_reason(stack: StackOnPaper) -> None:
    stack.lines[request_id("late text")]["outcome"] = "interrupted"


@breaks(responses.DEADLINE_TEXT)
def text_that_ends_at_the_deadline_as_if_whole(stack: StackOnPaper) -> None:
    stack.replies["late text"].is_cut = False


@breaks(surroundings.DASHBOARD, surroundings.ALARMS)
def no_dashboard(stack: StackOnPaper) -> None:
    stack.refused["GetDashboard"] = ApiError("ResourceNotFound", "no such dashboard", 404)


@breaks(surroundings.DASHBOARD)
def the_dashboard_of_another_stack(stack: StackOnPaper) -> None:
    stack.dashboard["widgets"][1]["properties"]["metrics"] = [["Firstbyte", "Requests", "service", "other"]] * 20


@breaks(surroundings.DASHBOARD)
def a_dashboard_without_the_log(stack: StackOnPaper) -> None:
    del stack.dashboard["widgets"][2]


@breaks(surroundings.ALARMS)
def a_dashboard_without_alarms(stack: StackOnPaper) -> None:
    del stack.dashboard["widgets"][3]


@breaks(surroundings.ALARMS)
def an_alarm_that_is_missing(stack: StackOnPaper) -> None:
    del stack.alarms["chat-ttft"]


@breaks(surroundings.ALARMS)
def no_alarm_that_pages(stack: StackOnPaper) -> None:
    stack.alarms["chat-page"] = ("MetricAlarm", "OK")


@breaks(telemetry.LOG_LINES)
def a_log_line_that_is_missing(stack: StackOnPaper) -> None:
    del stack.lines[request_id("invoked")]


@breaks(telemetry.LOG_FIGURES)
def other_tokens_in_the_log(stack: StackOnPaper) -> None:
    stack.lines[request_id("events")]["output_tokens"] = 8


@breaks(telemetry.LOG_FIGURES)
def a_later_first_token_in_the_log(stack: StackOnPaper) -> None:
    stack.lines[request_id("events")]["ttft_ms"] = 5.0


@breaks(telemetry.LOG_FIGURES)
def a_duration_in_the_log_that_no_client_saw(stack: StackOnPaper) -> None:
    stack.lines[request_id("events")]["duration_ms"] = 60_000.0


@breaks(telemetry.LOG_FIGURES)
def a_first_text_in_the_log_that_no_client_saw(stack: StackOnPaper) -> None:
    stack.lines[request_id("events")]["first_text_ms"] = 60_000.0


@breaks(telemetry.REQUESTS)
def too_few_completed(stack: StackOnPaper) -> None:
    stack.metrics["Firstbyte", "Completed"] = 5


@breaks(telemetry.REQUESTS)
def too_few_requests(stack: StackOnPaper) -> None:
    stack.metrics["Firstbyte", "Requests"] = 9


@breaks(telemetry.TOKENS)
def no_tokens(stack: StackOnPaper) -> None:
    del stack.metrics["Firstbyte", "InputTokens"]


@breaks(telemetry.TOKENS)
def too_few_tokens(stack: StackOnPaper) -> None:
    stack.metrics["Firstbyte", "OutputTokens"] = 34


@breaks(telemetry.LAMBDA)
def too_few_invocations(stack: StackOnPaper) -> None:
    stack.metrics["AWS/Lambda", "Invocations"] = 9


@breaks(telemetry.BEDROCK)
def no_invocations_of_the_model(stack: StackOnPaper) -> None:
    del stack.metrics["AWS/Bedrock", "Invocations"]


@breaks(telemetry.TRACE)
def no_trace(stack: StackOnPaper) -> None:
    stack.traces.clear()


@breaks(telemetry.TRACE)
def a_trace_without_the_functions_own_records(stack: StackOnPaper) -> None:
    del stack.traces[trace_id("events")][2]


@breaks(telemetry.TRACE)
def a_trace_of_another_model(stack: StackOnPaper) -> None:
    stack.traces[trace_id("events")][2]["annotations"]["model"] = "amazon.nova-micro-v1:0"


@breaks(telemetry.REQUESTS, telemetry.TOKENS, telemetry.LAMBDA, telemetry.BEDROCK)
def a_permission_that_is_missing(stack: StackOnPaper) -> None:
    stack.refused["GetMetricData"] = ApiError("AccessDenied", "User: arn is not authorized to perform", 403)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_claim_is_found_and_nothing_else(run: Callable[[StackOnPaper], Any], name: str) -> None:
    change, expected = BROKEN[name]
    stack = StackOnPaper()
    change(stack)
    code, found = run(stack)
    bad = {name: check for name, check in found.items() if check["verdict"] in ("failed", "not seen in time")}
    assert expected <= bad.keys()
    # On a busy machine these find something, too.
    assert bad.keys() - expected <= TIMED, bad
    assert code == 1


def unchecked(stack: StackOnPaper, run: Callable[[StackOnPaper], Any]) -> dict[str, str]:
    """What was not checked, and why, of a stack in which nothing else is found, on a machine that is not busy."""
    _, found = run(stack)
    assert {name for name, check in found.items() if check["verdict"] in ("failed", "not seen in time")} <= TIMED
    return {name: check["seen"] for name, check in found.items() if check["verdict"] == "not checked"}


def test_a_long_timeout_is_not_waited_for(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    stack.parameters["TimeoutSeconds"] = "31"
    why = "TimeoutSeconds is 31: deploy with TimeoutSeconds=5 to see it"
    assert unchecked(stack, run) == {responses.DEADLINE_EVENTS: why, responses.DEADLINE_TEXT: why}
    assert not {"late events", "late text"} & set(stack.requests)


def test_a_model_that_is_done_before_the_deadline_shows_nothing_of_it(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    stack.replies["late events"].say(b"".join(events(*said("late events"))))
    stack.replies["late text"].is_cut = False
    stack.lines[request_id("late text")]["outcome"] = "completed"
    found = unchecked(stack, run)
    assert found.keys() == {responses.DEADLINE_EVENTS, responses.DEADLINE_TEXT}
    assert all("before the deadline: ask a slower model" in why for why in found.values())


GUARDRAIL = "abcd1234efgh:1"


@pytest.mark.parametrize("kind", ["events", "invoked"])
def test_a_guardrail_may_hold_text_back(run: Callable[[StackOnPaper], Any], kind: str) -> None:
    """The function then gets the whole text at once, and says so: it waited for long, and wrote for a moment."""
    stack = StackOnPaper()
    stack.parameters["Guardrail"] = GUARDRAIL
    reply, timing = stack.replies[kind], {"ttft_ms": 400.0, "duration_ms": 401.0}
    stack.lines[request_id(kind)].update(timing)
    body = reply.body.replace(b'"ttft_ms": 3.0', b'"ttft_ms": 400.0').replace(b"83.0", b"401.0")
    reply.pieces = [(0.4, body)]
    _, found = run(stack)
    name = responses.STREAMS if kind == "events" else responses.INVOKED
    assert found[name]["verdict"] == "not checked"
    assert "deploy without Guardrail to see it" in found[name]["seen"]


def test_a_guardrail_does_not_excuse_what_is_held_back_behind_the_function(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    stack.parameters["Guardrail"] = GUARDRAIL
    reply = stack.replies["events"]
    reply.say(reply.body.replace(b"83.0", b"60003.0"))  # it wrote for a minute
    _, found = run(stack)
    assert found[responses.STREAMS]["verdict"] == "failed"


@pytest.mark.parametrize("change", [a_stream_that_is_cut, headers_that_lambda_did_not_apply])
def test_a_guardrail_does_not_excuse_a_stream_that_is_not_whole(
    run: Callable[[StackOnPaper], Any], change: Break
) -> None:
    stack = StackOnPaper()
    stack.parameters["Guardrail"] = GUARDRAIL
    change(stack)
    _, found = run(stack)
    assert found[responses.STREAMS]["verdict"] == "failed"


def test_the_trace_header_may_say_it_in_small_letters(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    for reply in stack.replies.values():
        reply.headers = {name: value.replace("Sampled=1", "sampled=1") for name, value in reply.headers.items()}
    assert unchecked(stack, run) == {}


def test_answers_that_were_not_sampled_have_no_trace(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    for reply in stack.replies.values():
        reply.headers = {name: value.replace("Sampled=1", "Sampled=0") for name, value in reply.headers.items()}
    assert unchecked(stack, run).keys() == {telemetry.TRACE}


def test_a_url_for_everybody_lets_everybody_in(run: Callable[[StackOnPaper], Any]) -> None:
    stack = StackOnPaper()
    stack.parameters["UrlAuthType"] = "NONE"
    stack.replies["unsigned"] = stack.replies["above"]
    assert unchecked(stack, run) == {}


def test_keys_that_may_not_call_the_url_are_told_which_permissions_they_need(
    run: Callable[[StackOnPaper], Any],
) -> None:
    stack = StackOnPaper()
    for kind in stack.replies.keys() - {"invoked"}:
        stack.replies[kind] = stack.replies["unsigned"]
    stack.refused["Invoke"] = ApiError("AccessDeniedException", "User: arn is not authorized", 403)
    code, found = run(stack)
    assert code == 1
    assert "lambda:InvokeFunctionUrl and lambda:InvokeFunction" in found[responses.HEADERS]["seen"]
    assert found[responses.INVOKED]["seen"] == "the keys have no permission for lambda:InvokeFunction"
    # Nothing was recorded, and nobody waits for it.
    recorded = {found[name]["verdict"] for name in (telemetry.LOG_LINES, telemetry.REQUESTS, telemetry.TRACE)}
    assert recorded == {"not checked"}


def test_the_readme_has_every_check() -> None:
    rows = table("src/verify", "## What only AWS can show")
    named = [name for _, check in rows if not check.startswith("none") for name in unquoted(check)]
    assert sorted(named) == sorted(ALL)


def test_every_check_is_seen_to_fail() -> None:
    assert set().union(*(expected for _, expected in BROKEN.values())) == ALL
