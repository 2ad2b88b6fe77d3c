"""What the attempts of a dbt task did and did not do, node by node: from the lists of what they were going to run, and their rows."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction

from engine.execution import Execution
from executions import models
from plugins.contract import Narrowed
from plugins.dbt._narrowing import NODES

GOOD = ("SUCCESS", "WARNING")
PLANNED = "planned"  # the note of an execution that came of a plan


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Of a task run: the nodes that are `done`, by their unique ids, those that have rows and are `not_done`, those that were to run
    and have no row, and what each command that began was going to run, by its number."""

    done: frozenset[str]
    not_done: frozenset[str]
    never_began: frozenset[str]
    selected: Mapping[int, tuple[str, ...]]
    nodes: tuple[str, ...] = ()  # that were chosen for it, as dbt selects them
    dropped: frozenset[str] = frozenset()

    def narrowed(self) -> Narrowed:
        """What is still to do."""
        return Narrowed(self.nodes, self.done, self.not_done | self.never_began, self.dropped, self.selected)


def of(run: models.TaskRun) -> Leftovers:
    """What the last attempt that began with any node leaves, with what was noted when its execution was itself a narrowed one."""
    before = as_narrowed(run.execution.notes.get("narrowed"), run.task_id, run.value) or Narrowed()
    rows, listed = _last(run)
    selected = {**before.selected, **listed}
    wanted = {node for nodes in selected.values() for node in nodes} | before.failed
    done = frozenset(node for node, good in rows.items() if good) | {node for node in before.without if rows.get(node, True)}
    not_done = frozenset(node for node, good in rows.items() if not good)
    return Leftovers(done, not_done, frozenset(wanted - rows.keys() - done), selected, before.nodes, before.dropped)


def unplanned(execution: Execution) -> Execution:
    """An execution that somebody begins anew, which nobody looked at as it is now."""
    return replace(execution, notes={name: note for name, note in execution.notes.items() if name != PLANNED})


def as_narrowed(told: Mapping[str, Any] | None, task_id: str, value: str | None) -> Narrowed | None:
    """What the notes of an execution say of one of its tasks, in a loop of one value."""
    if not told or told["task"] != task_id or told["value"] != value:
        return None
    selected = {int(number): tuple(nodes) for number, nodes in told.get("selected", {}).items()}
    without, failed, dropped = (frozenset(told.get(name, ())) for name in ("without", "failed", "dropped"))
    return Narrowed(tuple(told.get("nodes", ())), without, failed, dropped, selected)


def as_notes(task_id: str, value: str | None, narrowed: Narrowed) -> dict[str, Any]:
    """The same as notes of an execution."""
    told = {
        "nodes": list(narrowed.nodes),
        "without": sorted(narrowed.without),
        "failed": sorted(narrowed.failed),
        "dropped": sorted(narrowed.dropped),
        "selected": {str(number): list(nodes) for number, nodes in narrowed.selected.items()},
    }
    return {"narrowed": {"task": task_id, "value": value, **{name: found for name, found in told.items() if found}}}


def _last(run: models.TaskRun) -> tuple[dict[str, bool], dict[int, tuple[str, ...]]]:
    """Of the last attempt that began: whether each of its nodes succeeded every time that it was run, and its lists."""
    steps = models.Step.objects.filter(task_run=run, kind__in=NODES)
    lists = models.Selection.objects.filter(task_run=run)
    numbers = [rows.order_by("-attempt").values_list("attempt", flat=True).first() for rows in (steps, lists)]
    attempt = max((number for number in numbers if number is not None), default=None)
    rows: dict[str, bool] = {}
    for data, state in steps.filter(attempt=attempt).values_list("data", "state"):
        unique_id = str(data.get("unique_id") or "")
        rows[unique_id] = rows.get(unique_id, True) and state in GOOD
    rows.pop("", None)
    return rows, {row.command: tuple(_unpacked(row.packed)) for row in lists.filter(attempt=attempt)}


def selects(task_run_id: str, attempt: int, command: int, nodes: Sequence[str]) -> None:
    """Keep which nodes a command of an attempt is going to run, unless its execution was deleted meanwhile."""
    with transaction.atomic():
        if models.TaskRun.objects.filter(id=task_run_id).exists():
            packed = zlib.compress(json.dumps(list(nodes)).encode(), 3)
            known = {"task_run_id": task_run_id, "attempt": attempt, "command": command}
            models.Selection.objects.update_or_create(**known, defaults={"packed": packed})


def _unpacked(packed: Any) -> Any:
    return json.loads(zlib.decompress(bytes(packed)))
