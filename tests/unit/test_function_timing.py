"""The marks of one response, on a clock that the test moves."""

from firstbyte.timing import Timing


class Clock:
    """Stands still until it is moved; begins at 0, which is a time like any other."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_nothing_has_happened() -> None:
    assert Timing(Clock()).so_far() == {"ttfb_ms": None, "ttft_ms": None, "duration_ms": None}


def test_first_marks_count() -> None:
    clock = Clock()
    timing = Timing(clock)
    timing.model_asked()
    timing.text_arrived()
    timing.bytes_written()
    clock.now = 0.2504
    timing.text_arrived()
    timing.bytes_written()
    assert timing.so_far() == {"ttfb_ms": 0.0, "ttft_ms": 0.0, "duration_ms": 250.4}


def test_the_last_model_asked_counts() -> None:
    clock = Clock()
    timing = Timing(clock)
    clock.now = 1.0
    timing.model_asked()
    timing.text_arrived()
    clock.now = 3.0
    timing.model_asked()
    clock.now = 3.5
    timing.text_arrived()
    clock.now = 4.0
    timing.bytes_written()
    assert timing.so_far() == {"ttfb_ms": 4000.0, "ttft_ms": 500.0, "duration_ms": 1000.0}
