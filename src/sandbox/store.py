"""The telemetry's database: tables that take rows at any moment and answer SQL, in memory or in a file of DuckDB."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from sandbox.errors import StartError

Row = tuple[Any, ...]


class Table:
    """Takes rows; they are in the database when the next query runs. Made by `Store.table`."""

    def __init__(self, name: str, columns: Sequence[str]) -> None:
        placeholders = ", ".join("unnest(?)" for _ in columns)
        # One statement for all rows: DuckDB takes 100,000 rows this way in the time that 500 single inserts need.
        self._insert = f"INSERT INTO {name} ({', '.join(columns)}) SELECT {placeholders}"
        self._pending: list[Row] = []
        self._lock = threading.Lock()

    def add(self, *rows: Row) -> None:
        """Add rows, values in the order of the table's columns. Takes no time worth naming; callable on any thread."""
        with self._lock:
            self._pending.extend(rows)

    def flush(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Write what has been added. For the store."""
        with self._lock:
            rows, self._pending = self._pending, []
        if rows:
            connection.execute(self._insert, [list(column) for column in zip(*rows, strict=True)])


class Store:
    """One database. Queries take a while: call them on a thread of their own, one or several."""

    def __init__(self, file: Path | None = None) -> None:
        """Open the database.

        Args:
            file: where the rows are kept for the next start; None keeps them in memory.

        Raises:
            StartError: the file is no such database, or in use by another process.
        """
        try:
            if file:
                file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = duckdb.connect(str(file or ":memory:"), config={"threads": 2})
            if file:
                file.chmod(0o600)
        except (duckdb.Error, OSError) as error:
            raise StartError(f"cannot keep telemetry in {file}: {' '.join(str(error).split())}") from None
        self._lock = threading.Lock()
        self._tables: list[Table] = []

    def table(self, name: str, columns: Mapping[str, str]) -> Table:
        """Return the table of this name, made if the database does not have it.

        Args:
            name: of the table.
            columns: names and SQL types.
        """
        definition = ", ".join(f"{column} {kind}" for column, kind in columns.items())
        self._connection.execute(f"CREATE TABLE IF NOT EXISTS {name} ({definition})")
        table = Table(name, list(columns))
        self._tables.append(table)
        return table

    def query(self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[Row]:
        """Return all rows that a statement gives; every row that was added before the call counts.

        Args:
            sql: with `?` or `$name` where a parameter goes. Nothing that a client has sent belongs into the text.
            parameters: the values.
        """
        with self._lock:
            self._flush()
            return self._connection.execute(sql, parameters).fetchall()

    def flush(self) -> None:
        """Write what has been added."""
        with self._lock:
            self._flush()

    def close(self) -> None:
        """Write what has been added and close the database."""
        with self._lock:
            self._flush()
            self._connection.close()

    def _flush(self) -> None:
        for table in self._tables:
            table.flush(self._connection)
