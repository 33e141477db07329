"""The memory that a process and its children have used.

https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
"""

import contextlib
import re
from pathlib import Path

import psutil

_PEAK_KB = re.compile(rb"^VmHWM:\s*(\d+) kB$", re.MULTILINE)
_KEEPS_PEAKS = Path("/proc/self").exists()


def peak_memory_mb(pid: int) -> int:
    """Return the sum of the peaks of a process and all processes below it, in megabytes; 0 if it has ended.

    Only Linux keeps the peaks. Elsewhere it is what they hold now.
    """
    return round((_peak_kb(pid) if _KEEPS_PEAKS else held_kb(pid)) / 1024)


def held_kb(pid: int) -> int:
    """Return the memory that a process and all processes below it hold, in kilobytes; 0 if it has ended."""
    held = 0
    with contextlib.suppress(psutil.Error, OSError):  # a process may end at any moment
        process = psutil.Process(pid)
        for each in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):  # a zombie holds nothing
                held += each.memory_info().rss
    return held // 1024


def _peak_kb(pid: int) -> int:
    kilobytes = 0
    with contextlib.suppress(OSError):  # a process may end at any moment
        process = Path(f"/proc/{pid}")
        peak = _PEAK_KB.search((process / "status").read_bytes())  # a zombie has none
        kilobytes += int(peak[1]) if peak else 0
        for thread in (process / "task").iterdir():
            kilobytes += sum(_peak_kb(int(child)) for child in (thread / "children").read_bytes().split())
    return kilobytes
