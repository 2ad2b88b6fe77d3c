"""Keep one row of a stored Ion file for each key: the last one, in the order of the file.

The fields of a row are named as variables in `expr`.

```yaml
id: newest_of_each
namespace: company.team
inputs:
  - id: orders
    type: FILE
tasks:
  - id: newest
    type: io.kestra.plugin.core.storage.DeduplicateItems
    from: "{{ inputs.orders }}"
    expr: "{{ customer_id }}"
```
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from plugins.contract import Result, RunContext, RunnableTask, Text
from plugins.core.storage._made import scratch
from plugins.core.storage._rows import named, rows
from plugins.core.storage._splitting import rows_of

AT_ONCE = 5000
LAST = "INSERT INTO last VALUES (?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row"


class DeduplicateItems(RunnableTask):
    """Keep one row for each key."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.tasks.storages.DeduplicateItems",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "uri": "The file that came of it.",
        "numKeys": "How many different keys there are.",
        "processedItemsTotal": "How many rows were looked at.",
        "droppedItemsTotal": "How many were left out.",
    }

    from_: Text = Field(alias="from", description="URI of the file.")
    expr: Text = Field(description="Expression on the fields of a row that gives its key.")

    def run(self, context: RunContext) -> Result:
        """Note the last row of each key in a table on disk, then copy those rows: memory does not grow with the file."""
        source = context.storage.open(context.render(self.from_))
        with scratch(context) as folder, closing(sqlite3.connect(folder / "keys.sqlite", isolation_level=None)) as table:
            table.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE last (key BLOB PRIMARY KEY, row INTEGER)")
            processed = self._note(context, source, table)
            target = folder / "rows"
            kept = _copy(source, target, table)
            uri = context.storage.put(target, "deduplicated.ion")
        dropped = processed - kept
        return Result({"uri": uri, "numKeys": kept, "processedItemsTotal": processed, "droppedItemsTotal": dropped})

    def _note(self, context: RunContext, source: Path, table: sqlite3.Connection) -> int:
        keys = (context.render(self.expr, named(value)) for _, value in rows(source))
        numbered = ((hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest(), number) for number, key in enumerate(keys))
        processed = 0
        table.execute("BEGIN")
        while some := list(islice(numbered, AT_ONCE)):
            table.executemany(LAST, some)
            processed += len(some)
        table.execute("COMMIT")
        return processed


def _copy(source: Path, target: Path, table: sqlite3.Connection) -> int:
    wanted: Iterator[tuple[int]] = iter(table.execute("SELECT row FROM last ORDER BY row"))
    count, following = 0, next(wanted, None)
    with target.open("wb") as file:
        for number, line in enumerate(line for line in rows_of(source) if line.strip()):
            if following is not None and number == following[0]:
                file.write(line)
                count, following = count + 1, next(wanted, None)
    return count
