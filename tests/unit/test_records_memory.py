"""What is known of a function's memory, with /proc and without."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from sandbox.records.memory import held_kb, peak_memory_mb

MEGABYTES = 64
# A process that holds so much, and has a child that does: it says "ready" when both do.
HOLDS = f"held = b'x' * ({MEGABYTES} << 20); print('ready', flush=True); input()"
PARENT = f"""
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", {HOLDS!r}], stdout=subprocess.PIPE)
child.stdout.readline()
{HOLDS}
"""


@pytest.mark.parametrize("megabytes", [peak_memory_mb, lambda pid: held_kb(pid) / 1024], ids=["peaks", "held"])
def test_the_memory_of_a_process_and_its_child(megabytes: Callable[[int], float]) -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        used = megabytes(process.pid)
        process.communicate(b"\n")
    assert 2 * MEGABYTES < used < 3 * MEGABYTES
    assert megabytes(process.pid) == 0
