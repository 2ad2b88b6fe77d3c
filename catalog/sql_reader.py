"""The child that reads SQL (`sql_child`), asked one text after another and ended with the work that needs it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

PROGRAM = Path(__file__).with_name("sql_child.py")
SECONDS = 10  # for one text
GRACE = 5  # so much later the child is ended, should it not have noticed
DIALECTS = {  # dbt's name of an adapter: sqlglot's name of its SQL
    "duckdb": "duckdb",
    "postgres": "postgres",
    "snowflake": "snowflake",
    "bigquery": "bigquery",
    "redshift": "redshift",
    "databricks": "databricks",
    "spark": "spark",
    "trino": "trino",
    "starburst": "trino",
    "athena": "athena",
    "clickhouse": "clickhouse",
    "mysql": "mysql",
    "sqlite": "sqlite",
    "sqlserver": "tsql",
    "synapse": "tsql",
    "fabric": "fabric",
    "oracle": "oracle",
    "teradata": "teradata",
    "materialize": "materialize",
    "risingwave": "risingwave",
    "singlestore": "singlestore",
    "starrocks": "starrocks",
    "doris": "doris",
    "dremio": "dremio",
    "exasol": "exasol",
    "hive": "hive",
}


class Reader:
    """Answers about SQL texts; a child that dies or hangs is replaced by another for the next text."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, adapter: str, sql: str, tables: list[Any], inlined: Mapping[str, str], seconds: int = SECONDS) -> dict[str, Any]:
        """What `sql_child` says: columns, or `wrong`."""
        question = {"dialect": DIALECTS.get(adapter, ""), "sql": sql, "tables": tables, "inlined": inlined, "seconds": seconds}
        process = self._process = self._process or _start()
        timer = threading.Timer(seconds + GRACE, process.kill)
        timer.start()
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(question).encode() + b"\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = b""
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self.end()
            return {"wrong": f"It took longer than {seconds + GRACE} s, or more memory than it may"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def end(self) -> None:
        """Let go of the child."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(BrokenPipeError):
                if pipe is not None:
                    pipe.close()


def _start() -> subprocess.Popen[bytes]:
    """A new child, once it is ready: what it imports is not counted against the text. It yields to whatever else wants the processor."""
    command = [sys.executable, "-I", str(PROGRAM)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={}, cwd="/")
    assert process.stdout is not None
    process.stdout.readline()
    return process


@contextmanager
def reader() -> Iterator[Reader]:
    """A reader, as long as the block."""
    found = Reader()
    try:
        yield found
    finally:
        found.end()
