"""Commands that only read: what could leave the transaction in which a database lets them read and nothing else is not sent.

The database refuses what writes; but it takes several statements at once, and one of them may end that transaction.
"""

from __future__ import annotations

import os
import re
from typing import Any

READS_ONLY = "KESTRA_WEB_READS_ONLY"  # set where a command is only to read
_OWN = ("BEGIN", "COMMIT", "ROLLBACK")  # as dbt writes them itself
_READS = ("select", "with", "values", "table", "show", "from", "describe", "summarize", "pivot", "unpivot", "(")
# What stands for itself: comments, and texts in which a semicolon is a sign like any other.
_APART = re.compile(
    r"--[^\n]*|/\*.*?\*/|\b[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|(?<![\w$])(\$(?:[^\W\d]\w*)?\$).*?\1", re.DOTALL
)

_on = False


def begin(_told: str = "") -> None:
    """Whether this command only reads."""
    global _on
    _on = bool(os.environ.get(READS_ONLY))


def install() -> None:
    """Have every statement looked at before it is sent."""
    from dbt.adapters.sql.connections import SQLConnectionManager  # noqa: PLC0415 -- the host has loaded it
    from dbt_common.exceptions import DbtRuntimeError  # noqa: PLC0415 -- the same

    plain = SQLConnectionManager.add_query

    def add_query(self: Any, sql: str, *given: Any, **named: Any) -> Any:
        if _on and not reads(sql):
            raise DbtRuntimeError("This is read-only: one query at a time, which changes neither data nor settings of the connection")
        return plain(self, sql, *given, **named)

    SQLConnectionManager.add_query = add_query


def reads(sql: str) -> bool:
    """Whether a text is one query, or what dbt says itself around one."""
    if sql.strip().rstrip(";") in _OWN:
        return True
    rest = _APART.sub(" ", sql).strip().rstrip("; \n\t")
    return ";" not in rest and rest.lower().startswith(_READS) and "set_config" not in sql.lower()
