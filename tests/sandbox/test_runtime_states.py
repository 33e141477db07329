"""Every state against every event: what the table allows leads where it says, all else is refused."""

import itertools

import pytest

from sandbox.lambda_service.runtime_states import TRANSITIONS, Event, IllegalTransitionError, State, advance

ALLOWED = {
    (State.STARTED, Event.NEXT): State.READY,
    (State.STARTED, Event.INIT_ERROR): State.INIT_ERROR,
    (State.READY, Event.NEXT): State.READY,
    (State.READY, Event.DELIVERED): State.RUNNING,
    (State.RUNNING, Event.RESPONSE): State.RESPONDING,
    (State.RUNNING, Event.ERROR): State.FAILING,
    (State.RESPONDING, Event.SENT): State.RESPONSE_SENT,
    (State.FAILING, Event.SENT): State.RESPONSE_SENT,
    (State.RESPONSE_SENT, Event.NEXT): State.READY,
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_each_pair_is_allowed_or_refused(state: State, event: Event) -> None:
    if (state, event) in ALLOWED:
        assert advance(state, event) is ALLOWED[state, event]
    else:
        with pytest.raises(IllegalTransitionError, match=f"from {state.value} to {event.value} failed"):
            advance(state, event)


def test_every_state_has_a_row() -> None:
    assert set(TRANSITIONS) == set(State)
