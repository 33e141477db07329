"""The states of a runtime as its Runtime API sees them, and every transition that is allowed; all others are refused.

The states and the words of the refusal are those of AWS's own Runtime Interface Emulator (`lambda/core/states.go`),
except that a runtime that waits (Ready) is told from one that holds an invocation (Running): a second `/next` while an
invocation is unanswered is refused.
"""

from enum import Enum


class State(Enum):
    """What a runtime has done last; the value is the name that an error message uses."""

    STARTED = "Started"
    INIT_ERROR = "InitError"
    READY = "Ready"
    RUNNING = "Running"
    RESPONDING = "InvocationResponse"
    FAILING = "InvocationErrorResponse"
    RESPONSE_SENT = "ResponseSent"


class Event(Enum):
    """What happens to a runtime; the value is the name of the state it asks for, as an error message uses it."""

    NEXT = "Ready"
    INIT_ERROR = "InitError"
    DELIVERED = "Running"
    RESPONSE = "InvocationResponse"
    ERROR = "InvocationErrorResponse"
    SENT = "ResponseSent"


TRANSITIONS: dict[State, dict[Event, State]] = {
    State.STARTED: {Event.NEXT: State.READY, Event.INIT_ERROR: State.INIT_ERROR},
    State.INIT_ERROR: {},
    # A runtime whose long poll was cut asks again.
    State.READY: {Event.NEXT: State.READY, Event.DELIVERED: State.RUNNING},
    State.RUNNING: {Event.RESPONSE: State.RESPONDING, Event.ERROR: State.FAILING},
    State.RESPONDING: {Event.SENT: State.RESPONSE_SENT},
    State.FAILING: {Event.SENT: State.RESPONSE_SENT},
    State.RESPONSE_SENT: {Event.NEXT: State.READY},
}


class IllegalTransitionError(Exception):
    """The runtime did something that its state does not allow; the message is what the Runtime API answers."""

    def __init__(self, state: State, event: Event) -> None:
        super().__init__(
            f"State transition from {state.value} to {event.value} failed for runtime. "
            "Error: State transition is not allowed"
        )


def advance(state: State, event: Event) -> State:
    """Return the state after `event`.

    Raises:
        IllegalTransitionError: `state` does not allow `event`.
    """
    try:
        return TRANSITIONS[state][event]
    except KeyError:
        raise IllegalTransitionError(state, event) from None
