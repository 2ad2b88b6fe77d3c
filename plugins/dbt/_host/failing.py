"""The rows that failing data tests found, for the task to show: asked for on the test's own connection, right after it failed.

Only afterwards may tables be gone (a warehouse in memory) or be others.
"""

from __future__ import annotations

import json
import os
from typing import Any

ROWS = "-rows"  # what the name of the file in which commands note their ways gets for the folder of these rows
MOST = 100
LONGEST = 500  # characters of a value

_folder = ""


def begin(told: str) -> None:
    """Whether, and where, this command leaves such rows: where the task has made the folder for them."""
    global _folder
    _folder = told + ROWS if told and os.path.isdir(told + ROWS) else ""


def install() -> None:
    """Have every data test that fails or warns leave its rows."""
    from dbt.task.test import TestRunner  # noqa: PLC0415 -- the host has loaded it

    plain = TestRunner.execute_data_test

    def execute_data_test(self: Any, data_test: Any, manifest: Any) -> Any:
        result = plain(self, data_test, manifest)
        if _folder and result.failures and (result.should_error or result.should_warn):
            _leave(self.adapter, data_test)
        return result

    TestRunner.execute_data_test = execute_data_test


def _leave(adapter: Any, test: Any) -> None:
    from dbt_common.invocation import get_invocation_id  # noqa: PLC0415 -- the host has loaded it

    stored = test.should_store_failures and test.relation_name
    of = test.relation_name if stored else f"(\n{test.compiled_code}\n) as rows_that_failed"
    try:
        _, table = adapter.execute(f"select * from {of} limit {MOST + 1}", fetch=True)  # noqa: S608 -- it is the test's own SQL
        rows = [[None if value is None else str(value)[:LONGEST] for value in row] for row in table.rows]
        told = {"invocation": get_invocation_id(), "unique_id": test.unique_id, "columns": list(table.column_names), "rows": rows}
        with open(os.path.join(_folder, f"{test.unique_id[-100:]}.{os.getpid()}.json"), "w", encoding="utf-8") as file:
            json.dump(told, file)
    except Exception:  # noqa: BLE001 -- the test has its result; whatever this database says of our question changes nothing
        return
