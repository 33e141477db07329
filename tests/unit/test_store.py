"""The telemetry's database on a full disk, after its process was killed, and when there is more than it keeps."""

import contextlib
import logging
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import pytest

from sandbox import store as store_module
from sandbox.store import Limit, Store, Table
from tools import REPOSITORY

COLUMNS = {"time": "DOUBLE", "number": "BIGINT", "text": "VARCHAR"}
OLD_SECONDS = 31 * 24 * 3600


@contextmanager
def no_file_over(size: int) -> Iterator[None]:
    """Let writes behind this place of a file fail, as on a full disk, for this process. It needs no privilege."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(autouse=True)
def _tries_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "_RETRY_SECONDS", 0)


def table_of(store: Store, most: int = 1_000_000, text: str | None = None) -> Table:
    return store.table("things", COLUMNS, Limit("time", most, text))


def add(table: Table, numbers: range, text: str = "x" * 1000) -> None:
    table.add(*((time.time(), number, f"{number} {text}") for number in numbers))


def numbers(store: Store) -> list[int]:
    return [number for (number,) in store.query("SELECT number FROM things ORDER BY place")]


def kept(file: Path) -> list[int]:
    """The numbers that the next start finds."""
    with contextlib.closing(Store(file)) as store:
        table_of(store)
        return numbers(store)


def file_size(file: Path) -> int:
    return file.stat().st_size


def test_what_a_full_disk_does_not_take_waits_and_is_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    add(table, range(100))
    store.flush()
    with no_file_over(file_size(Path(f"{file}.wal"))):
        for start in range(100, 2000, 100):
            add(table, range(start, start + 100))
            store.flush()
            assert numbers(store) == list(range(start + 100))
    assert [record.levelno for record in caplog.records] == [logging.WARNING], "said once, not with every try"
    assert f"telemetry waits in memory, for {file} cannot be written: " in caplog.text
    assert "File too large" in caplog.text
    caplog.clear()
    store.flush()
    store.flush()
    assert caplog.messages == [f"telemetry is written to {file} again"]
    assert store.query("SELECT count(*) FROM waiting.things") == [(0,)]
    store.close()
    assert kept(file) == list(range(2000))


def test_a_checkpoint_that_a_full_disk_breaks_off_neither_loses_nor_doubles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """DuckDB shuts a database whose checkpoint failed; what was committed is in the log beside it."""
    monkeypatch.setattr(store_module, "_LOG_BYTES", 1_500_000)
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    with no_file_over(1_800_000):
        for start in range(0, 10_000, 100):
            # What cannot be compressed, so that the file grows as the log does.
            text = "".join(map(chr, range(200 + start % 7, 1000)))
            add(table, range(start, start + 100), f"{start} {text} {hash(str(start))}" * 2)
            store.flush()
            assert len(numbers(store)) == start + 100
            if "Checkpoint failed" in caplog.text:
                break
        else:
            pytest.fail("no checkpoint failed")
        add(table, range(start + 100, start + 200))
        store.flush()
        assert numbers(store) == list(range(start + 200))
    store.flush()
    assert len(caplog.records) == 2
    assert "again" in caplog.messages[-1]
    store.close()
    assert kept(file) == list(range(start + 200))


def test_the_end_on_a_full_disk_says_how_much_is_lost(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    add(table, range(100))
    store.flush()
    with no_file_over(file_size(Path(f"{file}.wal"))):
        add(table, range(100, 150))
        store.close()
    assert caplog.messages[-1] == f"50 rows of telemetry are lost: {file} took nothing until the end"
    assert kept(file) == list(range(100))


def test_no_more_waits_than_is_kept_and_what_is_dropped_is_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store, most=500)
    add(table, range(10))
    store.flush()
    with no_file_over(file_size(Path(f"{file}.wal"))):
        for start in range(10, 1010, 100):
            add(table, range(start, start + 100))
            store.flush()
        assert numbers(store) == [*range(10), *range(510, 1010)]
    store.flush()
    assert caplog.messages[-1] == f"telemetry is written to {file} again; 500 rows were too many to wait and are lost"
    store.close()


@pytest.mark.parametrize("in_file", [True, False])
def test_the_newest_rows_are_kept(tmp_path: Path, in_file: bool) -> None:
    store = Store(tmp_path / "telemetry.duckdb" if in_file else None)
    table = table_of(store, most=1000)
    for start in range(0, 10_000, 50):
        add(table, range(start, start + 50))
        store.flush()
        there = numbers(store)
        assert there == list(range(there[0], start + 50))
        # It deletes when an eighth has come since it looked the last time.
        assert len(there) <= 1000 + 1000 // 8 + 50
        assert len(there) >= min(start + 50, 1000)
    store.close()


def test_texts_count_by_their_bytes(tmp_path: Path) -> None:
    store = Store()
    table = table_of(store, most=100_000, text="text")
    for number in range(300):
        add(table, range(number, number + 1), "x" * 997 if number < 200 else "x" * 97)
        store.flush()
    kept = [len(text) for (text,) in store.query("SELECT text FROM things")]
    assert 99_000 < sum(kept) < 100_000 * 9 // 8 + 1000
    assert numbers(store)[-1] == 299
    store.close()


def test_old_rows_are_deleted_whenever_they_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    now = time.time()
    table.add((now - OLD_SECONDS, 1, "old"), (now, 2, "new"), (now - OLD_SECONDS, 3, "old"))
    store.flush()
    assert numbers(store) == [2]
    table.add((now - OLD_SECONDS, 4, "old"), (now, 5, "new"))
    store.flush()
    assert numbers(store) == [2, 4, 5], "the next look is an hour later"
    monkeypatch.setattr(store_module, "_LOOK_FOR_OLD_ROWS_SECONDS", 0)
    store.close()
    again = Store(file)
    table_of(again)
    again.flush()
    assert numbers(again) == [2, 5]
    again.close()


MEMORY_SCRIPT = """
import sys, time
import psutil
from pathlib import Path
from sandbox.store import Limit, Store
store = Store(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
table = store.table("things", {"time": "DOUBLE", "text": "VARCHAR"}, Limit("time", 5_000_000, "text"))
def work(rounds):
    for number in range(rounds):
        table.add(*((time.time(), f"{number} {place} {hash((number, place))}" * 20) for place in range(1000)))
        store.flush()
    return psutil.Process().memory_info().rss / 1e6
print(work(50), work(150))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count what a process holds in their own way")
@pytest.mark.parametrize("in_file", [True, False])
def test_memory_is_bounded_by_what_is_kept(tmp_path: Path, in_file: bool) -> None:
    """Some 100 MB of text go through a table that keeps 5 MB of it."""
    arguments = [str(tmp_path / "telemetry.duckdb")] if in_file else []
    done = subprocess.run(
        [sys.executable, "-c", MEMORY_SCRIPT, *arguments],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    after_a_quarter, after_all = map(float, done.stdout.split())
    # Without a limit it grows by 80 MB, and by as much if DuckDB does not give the memory of deleted rows back.
    assert after_all - after_a_quarter < 40, (after_a_quarter, after_all)


KILL_SCRIPT = """
import sys, time
from pathlib import Path
from sandbox.store import Limit, Store
store = Store(Path(sys.argv[1]))
table = store.table("things", {"time": "DOUBLE", "number": "BIGINT", "text": "VARCHAR"}, Limit("time", 10**9))
number = 0
while True:
    for _ in range(200):
        table.add((time.time(), number, "x" * 1000))
        number += 1
    store.flush()
    print(number, flush=True)
"""


@pytest.mark.parametrize("flushes", [3, 40, 300])
def test_a_killed_process_keeps_what_was_flushed_and_whole_flushes_alone(tmp_path: Path, flushes: int) -> None:
    file = tmp_path / "telemetry.duckdb"
    with subprocess.Popen(
        [sys.executable, "-c", KILL_SCRIPT, str(file)],
        env={"PYTHONPATH": str(REPOSITORY / "src")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        for _ in range(flushes):
            told = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
    store = Store(file)
    table_of(store, most=10**9)
    there = numbers(store)
    assert there == list(range(len(there)))
    assert len(there) >= told
    assert len(there) % 200 == 0
    store.close()


def test_a_row_that_cannot_be_kept_takes_no_other_with_it(caplog: pytest.LogCaptureFixture) -> None:
    store = Store()
    table = table_of(store)
    add(table, range(3))
    table.add((time.time(), 3, "half of a surrogate pair: \ud800"), (time.time(), 2**70, ""))
    add(table, range(4, 6))
    assert numbers(store) == [0, 1, 2, 4, 5]
    [record] = caplog.records
    assert record.getMessage().startswith("2 rows of things cannot be kept: ")
    store.close()


def test_closing_ends_a_query_that_takes_long() -> None:
    store = Store()
    table_of(store)
    # DuckDB would count for minutes.
    endless = "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range * b.range % 7 = 3"
    ended: list[type[BaseException]] = []

    def ask() -> None:
        try:
            store.query(endless)
        except duckdb.Error as error:
            ended.append(type(error))

    asking = threading.Thread(target=ask)
    asking.start()
    while not store._lock.locked():
        time.sleep(0.001)
    time.sleep(0.05)
    store.close()
    asking.join()
    assert ended == [duckdb.InterruptException]


def test_closing_while_rows_are_written_loses_none(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    add(table, range(3000), "x" * 4000)
    writing = threading.Thread(target=store.flush)
    writing.start()
    while not store._lock.locked():
        time.sleep(0.0001)
    add(table, range(3000, 3100))
    store.close()
    writing.join()
    assert caplog.records == []
    assert kept(file) == list(range(3100))


def test_closing_leaves_a_query_alone_that_cannot_be_interrupted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "telemetry.duckdb"
    store = Store(file)
    table = table_of(store)
    add(table, range(10))
    store.flush()
    asked, answered = threading.Event(), threading.Event()

    class Stuck:
        """A connection whose query takes as long as the test does."""

        def execute(self, *_: object) -> None:
            asked.set()
            answered.wait()
            raise duckdb.InterruptException

        def interrupt(self) -> None:
            pass

    store._questions = Stuck()  # type: ignore[assignment]

    def ask() -> None:
        with contextlib.suppress(duckdb.InterruptException):
            store.query("SELECT 1")

    asking = threading.Thread(target=ask)
    asking.start()
    asked.wait()
    add(table, range(10, 20))
    store.close()  # while the query still runs
    answered.set()
    asking.join()
    assert caplog.records == []
    assert kept(file) == list(range(20))
