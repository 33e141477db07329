"""Alarm drill: a fault makes each alarm of the template go off, its end brings it back; quiet time makes none go off.

A minute of the alarms lasts a second here. Nothing else about them is other than in the template.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from probe_process import Probe
from recorded import PATIENCE_SECONDS, Recorded, until
from sandbox_client import Call, call
from sandbox_process import RunningSandbox, StartSandbox, kill_environments

pytestmark = pytest.mark.timeout(300)

SERVICE = "firstbyte"
FUNCTION = "firstbyte-StreamingFunction"
LAMBDA = "AWS/Lambda"
HEALTHY = "ttft=1 gap=1 chunks=3 output=60"
# A lower objective, so that a fault is over sooner; the margin is wide for a busy machine.
PARAMETERS = ("TtftObjectiveMilliseconds=1000",)
# What callers feel, whatever the cause is.
BUDGET = {"budget-burn-fast", "budget-burn-hours", "budget-burn-now", "budget-burn-slow"}
FELT = {*BUDGET, "page"}
CLIENTS = 8
EVENTS = {"accept": "text/event-stream"}
FALLBACK = "anthropic.claude-3-haiku-20240307-v1:0"


@dataclass(frozen=True)
class Fault:
    """What the model does, and the one alarm on causes that goes off."""

    script: str
    alarm: str


FAULTS = (
    Fault("ttft=1300 gap=1 chunks=3 output=60", "ttft"),
    Fault("ttft=1 gap=300 chunks=3 output=3", "tokens-per-second"),
    Fault("ttft=1 gap=1 fault=drop:2", "interrupted-streams"),
    Fault("fault=unavailable", "model-errors"),
    Fault("fault=validation", "rejections"),
    Fault("fault=throttling", "throttles"),
)


class Stack:
    """A running stack: its alarms, and traffic to it."""

    def __init__(self, running: RunningSandbox) -> None:
        self.running = running
        self._cloudwatch = Recorded(running.ready).cloudwatch

    def states(self) -> dict[str, str]:
        """The state of every alarm, by its name without the stack's."""
        answer = self._cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        alarms = [*answer["MetricAlarms"], *answer["CompositeAlarms"]]
        return {alarm["AlarmName"].removeprefix(f"{SERVICE}-"): alarm["StateValue"] for alarm in alarms}

    def on(self) -> set[str]:
        """The alarms that are on."""
        return {name for name, state in self.states().items() if state == "ALARM"}

    def history(self, name: str) -> list[str]:
        """The states that an alarm has had, from the first."""
        items: list[Any] = self._cloudwatch.describe_alarm_history(
            AlarmName=f"{SERVICE}-{name}", AlarmTypes=["MetricAlarm", "CompositeAlarm"], ScanBy="TimestampAscending"
        )["AlarmHistoryItems"]
        changes = [json.loads(item["HistoryData"]) for item in items]
        return [change["newState"]["stateValue"] for change in changes]

    def send(self, *scripts: str) -> None:
        bodies = [json.dumps({"prompt": f"[[sandbox: {script}]] go"}) for script in scripts]
        with ThreadPoolExecutor(CLIENTS) as pool:
            list(pool.map(lambda body: call(self.running.ready, body, headers=EVENTS), bodies))

    def send_until(self, good: Callable[[], bool], *scripts: str) -> None:
        """Send scripts in turn, again and again."""
        self.repeat_until(good, lambda: self.send(*scripts * max(1, CLIENTS // len(scripts))))

    def kill(self, requests: int) -> None:
        """Kill the environments of so many requests, while these have their answers half."""
        held = json.dumps({"prompt": "[[sandbox: gap=1000 chunks=600]] go"})
        calls = [Call(self.running.ready, held, headers=EVENTS) for _ in range(requests)]
        for one in calls:
            one.socket.recv(1)  # it is being answered
        kill_environments(self.running.process.pid, FUNCTION)
        for one in calls:
            one.leave()

    def repeat_until(self, good: Callable[[], bool], act: Callable[[], object]) -> None:
        limit = time.monotonic() + PATIENCE_SECONDS
        while not good():
            assert time.monotonic() < limit, f"never good: {self.states()}"
            act()


StartStack = Callable[..., contextlib.AbstractContextManager[Stack]]


@pytest.fixture(scope="module")
def start_stack(start_sandbox: StartSandbox) -> StartStack:
    @contextlib.contextmanager
    def start(*parameters: str, concurrency: int = 2 * CLIENTS) -> Iterator[Stack]:
        # More environments than clients: one that has just answered may still be writing its log.
        reserved = f"ReservedConcurrency={concurrency}"
        running = start_sandbox("--alarm-minute", "1", "--parameter-overrides", reserved, *parameters)
        yield Stack(running)
        running.stop()  # its alarms would be evaluated every second of all other tests

    return start


@pytest.fixture(scope="module")
def drilled(start_stack: StartStack) -> Iterator[Stack]:
    with start_stack("--parameter-overrides", *PARAMETERS) as stack:
        stack.send_until(lambda: set(stack.states().values()) == {"OK"}, HEALTHY)
        yield stack


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.alarm)
def test_a_fault_sets_off_its_alarm_and_its_end_ends_it(drilled: Stack, fault: Fault) -> None:
    assert not drilled.on() - FELT
    # Slow responses are enough in number to be judged if every client waits for one.
    scripts = [HEALTHY] * (CLIENTS // 2) + [fault.script] * CLIENTS
    drilled.send_until(lambda: drilled.on() >= {fault.alarm, "page"}, *scripts)
    assert drilled.on() - FELT == {fault.alarm}
    drilled.send_until(lambda: not drilled.on() - BUDGET, HEALTHY)
    for name in (fault.alarm, "page"):
        assert drilled.history(name)[-3:] == ["OK", "ALARM", "OK"]


def test_a_fallback_that_answers_well_makes_a_ticket_and_no_page(start_stack: StartStack) -> None:
    with start_stack("--parameter-overrides", *PARAMETERS, f"FallbackModelId={FALLBACK}") as stack:
        until(lambda: set(stack.states().values()) == {"OK"})
        taken_over = f"for=nova fault=unavailable]] [[sandbox: for=claude {HEALTHY}"
        stack.send_until(lambda: "fallbacks" in stack.on(), taken_over)
        assert stack.on() == {"fallbacks"}
        stack.send_until(lambda: not stack.on(), HEALTHY)


def test_environments_that_die_set_off_the_alarms_of_the_function_and_of_the_budget(start_stack: StartStack) -> None:
    with start_stack("--parameter-overrides", *PARAMETERS) as stack:
        until(lambda: set(stack.states().values()) == {"OK"})
        stack.repeat_until(lambda: stack.on() >= {"function-errors", "page"}, lambda: stack.kill(CLIENTS))
        assert stack.on() - FELT == {"function-errors"}
        stack.send_until(lambda: not stack.on() - BUDGET, HEALTHY)
        for name in ("function-errors", "page"):
            history = stack.history(name)
            # They may clear between two deaths: a new environment takes a second to start, a minute of the alarms'.
            assert (history[:2], history[-1]) == (["OK", "ALARM"], "OK")


def test_the_budget_loses_a_response_without_a_record(start_stack: StartStack) -> None:
    """30 of 362 requests die with their environments: 8.3 %, and 3 % may be bad."""
    with start_stack("--parameter-overrides", *PARAMETERS, "GoodResponsePercent=97") as stack:
        until(lambda: set(stack.states().values()) == {"OK"})
        recorded = Recorded(stack.running.ready)

        def wait_for_invocations(count: int) -> None:
            until(lambda: recorded.metric("Invocations", "Sum", LAMBDA, FunctionName=FUNCTION), lambda n: n == count)

        sent = 0
        for killed, answered in ((8, 83), (8, 83), (8, 83), (6, 83)):
            # Each is done with its records before the next ones die.
            stack.kill(killed)
            wait_for_invocations(sent + killed)
            stack.send(*[HEALTHY] * answered)
            sent += killed + answered
            wait_for_invocations(sent)
        assert sent == 362
        until(lambda: "budget-burn-slow" in stack.on())
        # Some are late on a busy machine.
        assert 0 < (recorded.metric("GoodResponses", "Sum") or 0) <= 332
        errors = recorded.metric("Errors", "Sum", LAMBDA, FunctionName=FUNCTION)
        assert errors is not None
        assert errors >= 30
        records = recorded.metric("Requests", "Sum")
        assert records == 362 - errors, "none is left by those that died"


def test_requests_that_never_reach_the_function_are_throttled_too(start_stack: StartStack) -> None:
    with start_stack("--parameter-overrides", *PARAMETERS, concurrency=1) as stack:
        stack.send_until(lambda: stack.on() >= {"throttles", "page"}, "ttft=50 gap=1 chunks=3 output=60")
        assert stack.on() - FELT == {"throttles"}


def test_burning_the_budget_pages_until_it_is_no_longer_going_on(start_stack: StartStack) -> None:
    with start_stack("--parameter-overrides", *PARAMETERS) as stack:
        until(lambda: set(stack.states().values()) == {"OK"})
        # Slow text is not good; the ticket for it as such is over before the hours are.
        stack.send_until(lambda: stack.on() >= FELT, "ttft=1 gap=300 chunks=3 output=3")
        # What the hours have lost is still lost, but it does not go on.
        until(lambda: "page" not in stack.on())
        until(lambda: stack.on() == {"budget-burn-hours", "budget-burn-slow"})
        stack.send_until(lambda: not stack.on(), *[HEALTHY] * CLIENTS)
        for name in FELT:
            assert stack.history(name) == ["OK", "ALARM", "OK"]


def test_an_outage_with_too_few_responses_to_name_its_cause_pages_once(start_stack: StartStack) -> None:
    with start_stack() as stack:
        until(lambda: set(stack.states().values()) == {"OK"})

        def fail_now_and_then() -> None:
            stack.send("fault=unavailable")
            time.sleep(0.8)

        stack.repeat_until(lambda: "page" in stack.on(), fail_now_and_then)
        until(lambda: "page" not in stack.on())
        time.sleep(6)  # the five minutes after
        assert stack.history("page") == ["OK", "ALARM", "OK"]
        assert stack.history("model-errors") == ["OK"]


def test_a_probe_that_is_silent_or_fails_sets_off_its_alarm(start_stack: StartStack, tmp_path: Path) -> None:
    run_probe = Probe(tmp_path)
    with start_stack("--parameter-overrides", "ExpectedProbe=office") as stack:
        arguments = ("--sandbox", "--ready-file", str(stack.running.ready_file), "--publish", "--probe", "office")

        def publish_until(good: Callable[[], bool], script: str) -> None:
            stack.repeat_until(good, lambda: run_probe(*arguments, "--prompt", f"[[sandbox: {script}]] go"))

        until(lambda: stack.on() == {"probe", "page"})  # silent: nobody has heard of it yet
        publish_until(lambda: not stack.on(), HEALTHY)
        publish_until(lambda: stack.on() >= {"probe", "page"}, "fault=validation")
        # Those runs were bad responses, too.
        publish_until(lambda: not stack.on() - BUDGET, HEALTHY)
        assert stack.history("probe") == ["ALARM", "OK", "ALARM", "OK"]


def test_the_probe_of_the_stack_sets_off_the_same_alarm(start_stack: StartStack) -> None:
    flags = ("--model-script", HEALTHY, "--parameter-overrides", "ProbeEveryMinutes=3")
    with start_stack(*flags, concurrency=1) as stack:
        until(lambda: set(stack.states().values()) == {"OK"})
        # Somebody keeps the only environment, so that the probe is turned away.
        held = Call(stack.running.ready, json.dumps({"prompt": "[[sandbox: gap=1000 chunks=600]] go"}))
        until(lambda: stack.on() >= {"probe", "page"})
        kill_environments(stack.running.process.pid, FUNCTION)
        # What was turned away is lost to the budget for six hours.
        until(lambda: not stack.on() - BUDGET)
        held.leave()
        # To find a fault is no failure of the probe.
        recorded = Recorded(stack.running.ready)
        assert recorded.metric("Errors", "Sum", LAMBDA, FunctionName="firstbyte-ProbeFunction") == 0
        for name in ("probe", "page"):
            assert stack.history(name)[-3:] == ["OK", "ALARM", "OK"]


def test_quiet_and_no_traffic_set_off_nothing(start_stack: StartStack) -> None:
    """With the template's own parameters: three failures among few responses are nobody's reason to get up."""
    with start_stack("--parameter-overrides", "ProbeEveryMinutes=5") as stack:
        until(lambda: "INSUFFICIENT_DATA" not in stack.states().values())
        assert set(stack.states().values()) == {"OK"}
        for script in (HEALTHY, "fault=unavailable", "ttft=1 gap=1 fault=drop:2", "fault=throttling"):
            stack.send(script)
            time.sleep(1.5)
        time.sleep(6)  # and five minutes of nothing
        # Three of a few are more than the objective allows; that alone is a ticket.
        others = stack.states().keys() - {"budget-burn-slow", "budget-burn-now"}
        assert {name: stack.history(name) for name in others} == {name: ["OK"] for name in others}
