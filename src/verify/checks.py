"""The run: sends the requests one after another, checks each answer, then waits for what was recorded of them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from verify import responses, surroundings, telemetry
from verify.calls import DOCUMENT, EVENTS, LINES, TEXT, Answer, ask, invoke
from verify.deployed import Deployed
from verify.findings import FAILED, UNCHECKED, Finding
from verify.waiting import wait_for

_PROMPT = {"prompt": "Tell me about rivers.", "max_tokens": 32}
_ONE_WORD = {"prompt": "Answer with one word: which is the longest river?"}
# Longer than models write within `responses.LONGEST_TIMEOUT`.
_LONG = {"prompt": "Write a story of ten thousand words about a river. Do not stop before it is told."}


def run(deployed: Deployed, limit_seconds: float, say: Callable[[str], None]) -> list[Finding]:
    """Make every check.

    Args:
        deployed: the stack.
        limit_seconds: how long to wait for log lines, metrics and traces.
        say: tells whoever waits how far it is.
    """
    # A minute more, for a clock that is not quite right.
    since = datetime.now(UTC) - timedelta(minutes=1)
    findings = [deployed.finding()]
    reached: list[Answer] = []

    def answer_to(body: dict[str, object], accept: str, *, signed: bool = True) -> Answer:
        answer = ask(deployed, body, accept, signed=signed)
        if answer.request_id:
            reached.append(answer)
        return answer

    say("asking for answers in every format")
    events = answer_to(_PROMPT, EVENTS)
    findings += [
        responses.headers(events),
        responses.streams(events, deployed),
        responses.start_delta_end(events, deployed),
    ]
    findings += [responses.whole(answer_to(_PROMPT, accept), accept) for accept in (LINES, TEXT, DOCUMENT)]

    say("asking for what is refused")
    most = deployed.most_tokens
    findings.append(responses.refused(answer_to({**_PROMPT, "temperature": 7}, EVENTS), "temperature"))
    above, at = (answer_to({**_ONE_WORD, "max_tokens": tokens}, EVENTS) for tokens in (most + 1, most))
    findings.append(responses.settings(above, at, most))
    # Should it get through, it costs nothing: the function refuses it.
    findings.append(responses.unsigned(answer_to({}, EVENTS, signed=False), deployed))

    say("asking through InvokeWithResponseStream")
    invoked = invoke(deployed, _PROMPT, EVENTS)
    if isinstance(invoked, Answer):
        reached.append(invoked)
        findings.append(responses.streams(invoked, deployed, responses.INVOKED))
    else:
        findings.append(Finding(responses.INVOKED, "as from the URL", FAILED, invoked))

    late = None
    if deployed.timeout_seconds > responses.LONGEST_TIMEOUT:
        why = f"TimeoutSeconds is {deployed.timeout_seconds}: deploy with TimeoutSeconds=5 to see it"
        for name in (responses.DEADLINE_EVENTS, responses.DEADLINE_TEXT):
            findings.append(Finding(name, "told or cut shortly before the function's timeout", UNCHECKED, why))
    else:
        say(f"asking for answers that run into the function's timeout ({deployed.timeout_seconds} s)")
        findings.append(responses.deadline_events(answer_to({**_LONG, "max_tokens": most}, EVENTS)))
        late = answer_to({**_LONG, "max_tokens": most}, TEXT)

    findings += surroundings.dashboard_and_alarms(deployed)
    sent = telemetry.Sent(deployed, since, events, reached, late)
    return findings + wait_for(telemetry.watches(sent), limit_seconds, say)
