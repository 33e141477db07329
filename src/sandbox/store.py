"""The telemetry's database: tables that take rows at any moment and answer SQL, in memory or in a file of DuckDB.

A row takes three steps: it is pending in Python, then it waits in a table in memory, and then it is kept, in a file if
there is one. A query sees the last two, so a full disk stops nothing. Rows leave by age, and when there are too many.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy

from sandbox.errors import StartError

Row = tuple[Any, ...]

# How values travel to DuckDB, by their SQL type: it takes arrays in a quarter of the time that lists need.
_ARRAYS: Mapping[str, type] = {"VARCHAR": object, "BIGINT": numpy.int64, "DOUBLE": numpy.float64}
# What tells that a value has no place in its column: DuckDB of a text, the array of an integer that is too large.
_UNFIT = (duckdb.Error, OverflowError)

KEPT_DAYS = 30
"""Rows are kept for so many days: the longest time range of the dashboard."""

# DuckDB's caches and the rows that are in memory take no more. Without a limit, it takes most of the machine's memory.
_MEMORY = "512MB"
# What has been written since goes into the file's tables when the log beside it has so many bytes.
_LOG_BYTES = 8_000_000
_LOOK_FOR_OLD_ROWS_SECONDS = 3600
# While the disk is full, another try costs as much as writing all rows that wait.
_RETRY_SECONDS = 5
# How long a query may still take when the store is closed.
_LAST_QUERY_SECONDS = 0.5
# Places of kept rows are below this, so that rows that wait come after them.
_WAITING_PLACE = 2**62
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Limit:
    """What a table keeps at most: of its newest rows, so many bytes of a text, or so many rows.

    Attributes:
        age: SQL that gives the time of a row in seconds since 1970.
        most: bytes or rows.
        text: the column whose bytes count; None counts rows.
    """

    age: str
    most: int
    text: str | None = None


class Table:
    """Takes rows; they are in the database when the next query runs. Made by `Store.table`.

    `place` is a column of every table: it orders rows by their arrival.
    """

    def __init__(self, name: str, columns: Mapping[str, str], limit: Limit | None) -> None:
        self.name = name
        self.limit = limit
        self._arrays = {column: _ARRAYS[kind] for column, kind in columns.items()}
        listed = ", ".join(columns)
        # One statement for all rows: a second one costs as much as hundreds of rows.
        self._insert = f"INSERT INTO waiting.{name} ({listed}) SELECT {listed} FROM arrived"  # noqa: S608
        self._text = list(columns).index(limit.text) if limit and limit.text else None
        self._pending: list[Row] = []
        self._lock = threading.Lock()
        self.taken = 0
        """What has come since the limit was last enforced, in the limit's measure."""

    def add(self, *rows: Row) -> None:
        """Add rows, values in the order of the table's columns. Fast; any thread may call it."""
        with self._lock:
            self._pending.extend(rows)

    def wait(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Let pending rows wait in memory. For the store."""
        with self._lock:
            rows, self._pending = self._pending, []
        if not rows:
            return
        self.taken += len(rows) if self._text is None else sum(len(row[self._text]) for row in rows)
        try:
            self._insert_into(connection, rows)
        except _UNFIT:
            self._insert_one_by_one(connection, rows)

    def _insert_into(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
        columns = zip(self._arrays.items(), zip(*rows, strict=True), strict=True)
        arrived: Any = {  # noqa: F841 - the statement names it
            name: numpy.array(values, kind) for (name, kind), values in columns
        }
        connection.execute(self._insert)

    def _insert_one_by_one(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[Row]) -> None:
        """Insert all rows but those that DuckDB refuses, such as a text with half of a surrogate pair; say how many."""
        refused, reason = 0, ""
        for row in rows:
            try:
                self._insert_into(connection, [row])
            except _UNFIT as error:
                refused, reason = refused + 1, _line(error)
        if refused:
            _log.error("%d rows of %s cannot be kept: %s", refused, self.name, reason)

    def excess(self, schema: str) -> str:
        """Return SQL that deletes the oldest rows of this schema until the limit is met."""
        assert self.limit
        size = f"strlen({self.limit.text})" if self.limit.text else "1"
        newer = f"SELECT rowid, sum({size}) OVER (ORDER BY rowid DESC) AS newer FROM {schema}.{self.name}"  # noqa: S608
        return (
            f"DELETE FROM {schema}.{self.name} WHERE rowid IN "  # noqa: S608
            f"(SELECT rowid FROM ({newer}) WHERE newer > {self.limit.most})"
        )


class Store:
    """One database. Queries take a while: call them on a thread of their own, one or several."""

    def __init__(self, file: Path | None = None) -> None:
        """Open the database. Whoever gives a file has seen to it that others cannot read new files (umask).

        Args:
            file: where the rows are kept for the next start; None keeps them in memory.

        Raises:
            StartError: the file is no such database, or in use by another process.
        """
        self._file = file
        self._name = str(file or "its place in memory")
        self._lock = threading.Lock()
        self._tables: list[Table] = []
        self._is_refused = False
        self._dropped = 0
        self._next_move = 0.0
        self._next_look = 0.0
        # Checkpoints come when the store asks for them. One that fails in a commit would leave open what is kept.
        self._connection = duckdb.connect(
            config={"threads": 2, "memory_limit": _MEMORY, "temp_directory": "", "checkpoint_threshold": "1TB"}
        )
        # Queries have a connection of their own: it alone is interrupted at the end.
        self._questions = self._connection.cursor()
        self._asks = False
        self._connection.execute("CREATE SCHEMA waiting")
        try:
            if file:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._attach()
            if file:
                file.chmod(0o600)  # one of an earlier version may be open to others
        except (duckdb.Error, OSError) as error:
            raise StartError(f"cannot keep telemetry in {file}: {_line(error)}") from None

    def table(self, name: str, columns: Mapping[str, str], limit: Limit | None = None) -> Table:
        """Return the table of this name, made if the database does not have it.

        Args:
            name: of the table.
            columns: names and SQL types, each `VARCHAR`, `BIGINT` or `DOUBLE`.
            limit: what it keeps; None keeps everything.
        """
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        listed = ", ".join(columns)
        for statement in (
            f"CREATE TABLE IF NOT EXISTS kept.{name} ({definition})",
            f"CREATE TABLE waiting.{name} ({definition})",
            f"CREATE VIEW {name} AS SELECT rowid AS place, {listed} FROM kept.{name} "  # noqa: S608
            f"UNION ALL SELECT rowid + {_WAITING_PLACE}, {listed} FROM waiting.{name}",
        ):
            self._connection.execute(statement)
        table = Table(name, columns, limit)
        self._tables.append(table)
        return table

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Return all rows that a statement gives; every row that was added before the call counts.

        Args:
            sql: with `?` or `$name` where a parameter goes. Nothing that a client has sent belongs into the text.
            parameters: the values.
        """
        with self._lock:
            self._wait()
            self._asks = True
            try:
                return self._questions.execute(sql, parameters).fetchall()
            finally:
                self._asks = False

    def flush(self) -> None:
        """Keep what has been added; if the disk takes nothing, say so once and go on waiting. Call it regularly."""
        with self._lock:
            self._wait()
            if time.monotonic() >= self._next_move:
                self._keep()

    def close(self) -> None:
        """Keep what has been added and close the database.

        A query that runs ends with `duckdb.InterruptException`, as soon as DuckDB looks. If that takes long, the query
        is left to itself: it has a connection of its own.
        """
        deadline = time.monotonic() + _LAST_QUERY_SECONDS
        while not (held := self._lock.acquire(timeout=0.01)) and not (self._asks and time.monotonic() > deadline):
            self._questions.interrupt()
        try:
            self._wait()
            self._keep()
            rows = sum(self._count(table) for table in self._tables)
            if rows:
                _log.error("%d rows of telemetry are lost: %s took nothing until the end", rows, self._name)
            self._connection.close()
        finally:
            if held:
                self._lock.release()

    def _attach(self) -> None:
        name = str(self._file or ":memory:").replace("'", "''")
        self._connection.execute(f"ATTACH '{name}' AS kept")

    def _wait(self) -> None:
        for table in self._tables:
            table.wait(self._connection)

    def _keep(self) -> None:
        """Move what waits, and delete what is too old or too much."""
        try:
            for table in self._tables:
                if self._count(table):
                    self._connection.execute(f"INSERT INTO kept.{table.name} FROM waiting.{table.name}")
                    self._connection.execute(f"TRUNCATE waiting.{table.name}")
            self._connection.execute("CHECKPOINT memory")  # without it, DuckDB holds the memory of truncated rows
            self._delete_old()
            if self._file and _size(Path(f"{self._file}.wal")) > _LOG_BYTES:
                self._connection.execute("CHECKPOINT kept")
        except duckdb.Error as error:
            self._refused(error)
        else:
            self._accepted()

    def _delete_old(self) -> None:
        """Delete rows that are too old or too many, if there may be such."""
        limited = [table for table in self._tables if table.limit]
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _LOOK_FOR_OLD_ROWS_SECONDS
            begin = time.time() - KEPT_DAYS * 24 * 3600
            for table in limited:
                assert table.limit
                self._connection.execute(
                    f"DELETE FROM kept.{table.name} WHERE {table.limit.age} < ?",  # noqa: S608
                    [begin],
                )
                table.taken = table.limit.most  # at the start nobody knows how much is there
        for table in limited:
            assert table.limit
            if table.taken > table.limit.most // 8:
                table.taken = 0
                self._connection.execute(table.excess("kept"))
                if not self._file:
                    self._connection.execute("CHECKPOINT kept")  # this gives their memory back

    def _refused(self, error: duckdb.Error) -> None:
        """Note that the rows could not be written. What waits stays, as much as the tables may keep."""
        self._next_move = time.monotonic() + _RETRY_SECONDS
        if not self._is_refused:
            self._is_refused = True
            _log.warning("telemetry waits in memory, for %s cannot be written: %s", self._name, _line(error))
        if self._file and not self._is_readable():
            self._open_again()
        for table in self._tables:
            if table.limit:
                self._dropped += self._connection.execute(table.excess("waiting")).fetchall()[0][0]

    def _is_readable(self) -> bool:
        try:
            for table in self._tables:
                self._connection.execute(f"SELECT count(*) FROM kept.{table.name}")  # noqa: S608
        except duckdb.Error:
            return False
        return True

    def _open_again(self) -> None:
        """Open the file that a failed checkpoint has shut. What was committed is in it, or in the log beside it."""
        # Closing tries a checkpoint, too: the file is closed even if that fails.
        with contextlib.suppress(duckdb.Error):
            self._connection.execute("DETACH kept")
        with contextlib.suppress(duckdb.Error):  # the next try comes with the next rows
            self._attach()

    def _accepted(self) -> None:
        if self._is_refused:
            lost = f"; {self._dropped} rows were too many to wait and are lost" if self._dropped else ""
            _log.warning("telemetry is written to %s again%s", self._name, lost)
        self._is_refused, self._dropped, self._next_move = False, 0, 0.0

    def _count(self, table: Table) -> int:
        [(count,)] = self._connection.execute(f"SELECT count(*) FROM waiting.{table.name}").fetchall()  # noqa: S608
        return int(count)


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
