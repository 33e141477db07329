"""The drill that dashboards/README.md describes: its commands make an alarm go off, and it comes back."""

import re
import time
from pathlib import Path

from readme import ALARM_FAULT, ALARM_SANDBOX, Clone


def test_the_alarm_goes_off_and_comes_back(tmp_path: Path) -> None:
    clone = Clone(tmp_path)
    with clone.in_the_foreground(ALARM_SANDBOX):
        done = clone.shell(f"{ALARM_FAULT} || true")
        assert "0 of 250 runs completed" in done.stdout, done.stderr
        until = time.monotonic() + 60
        while "alarm firstbyte-page: ALARM -> OK" not in (log := clone.log()):
            assert time.monotonic() < until, log
            time.sleep(0.2)
    for alarm in ("page", "model-errors"):
        assert re.findall(rf"alarm firstbyte-{alarm}: \w+ -> (\w+)", log) == ["ALARM", "OK"]
