"""Asking dbt, before any command of a task is run, which nodes the commands take; and the plan that is made of the answer."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from plugins.contract import Narrowed, RunnerResult, TaskFailed
from plugins.dbt import _artifacts, _command, _notes, _plan, _state, _vars
from plugins.dbt._narrowing import Rehearsal
from plugins.scripts._script import Heard, Place

Run = Callable[[list[str], Heard], RunnerResult]


@dataclass(frozen=True, slots=True)
class Listed:
    """The commands, and which nodes each is to take, by its number; those that are no plain call of dbt are left out."""

    place: Place
    rehearsal: Rehearsal
    chosen: dict[int, list[str]]

    @property
    def lines(self) -> Sequence[str]:
        return self.rehearsal.lines

    @property
    def unknown(self) -> list[str]:
        """The commands of which nothing can be told."""
        return [line for number, line in enumerate(self.lines) if number not in self.chosen]

    def keep(self) -> None:
        """Have the task run commands that take only these nodes."""
        _file(self.place).write_text(json.dumps(self.rehearsal.narrowed(self.chosen)))

    def plan(self, project: Path, before: _state.Digest | None) -> dict[str, Any]:
        """The nodes in the order of their commands, why each would run, what waits for what, and the nodes that nobody asks for.

        `before` is the state that the commands compare with.
        """
        manifest = _manifest(self.place)
        after = _state.digest(manifest.parsed) if manifest is not None else {}
        variables = _vars.of_call(manifest, self.place.folder, project, _command.invocations(self.lines))
        nodes = list(dict.fromkeys(node for listed in self.chosen.values() for node in listed))
        why, waits = _plan.reasons(nodes, after, before), _plan.gates(nodes, after)
        others = [node for node in after if node not in why and any(self.rehearsal.takes(number, node) for number in self.chosen)]
        return {
            "nodes": [
                {**_plan.entry(node, after), "why": why[node], "waits": sorted(waits[node]), "vars": variables.of(node)}
                for node in _plan.ordered(nodes, waits)
            ],
            "others": [_plan.entry(node, after) for node in others],
        }


def listed(lines: Sequence[str], narrowed: Narrowed, place: Place, run: Run) -> Listed:
    """Ask dbt, by running other commands in the same place. Raises TaskFailed where it cannot say."""
    rehearsal = Rehearsal(lines)
    asked = rehearsal.commands(narrowed, str(_folder(place)))
    failed = bool(asked) and run(asked, rehearsal.on_line).exit_code != 0
    _notes.told(place).unlink(missing_ok=True)  # what the listing left is none of the task's
    shutil.rmtree(_notes.left(place), ignore_errors=True)
    if failed:
        said = "\n".join(rehearsal.errors[-3:])
        raise TaskFailed(f"dbt could not say which nodes it would run: {said}" if said else "dbt could not list the nodes")
    manifest = _manifest(place) if narrowed.failed or narrowed.selected else None  # asks what is there
    known = {one for kind in ("nodes", "unit_tests") for one in manifest.parsed.get(kind) or ()} if manifest is not None else set()
    return Listed(place, rehearsal, rehearsal.chosen(narrowed, known))


def narrowed_lines(place: Place) -> list[str] | None:
    """The commands that take fewer nodes than the author's; None where those are run."""
    file = _file(place)
    return list(json.loads(file.read_text())) if file.exists() else None


def threads(lines: Sequence[str], profiles: str) -> int:
    """The threads that dbt would use: by the flag, else by the first target of the profiles that says so; dbt's own default is 1."""
    found = re.search(r"--threads[=\s]+(\d+)", "\n".join(lines)) or re.search(r"^\s*threads:\s*(\d+)", profiles, re.MULTILINE)
    return max(int(found[1]), 1) if found else 1


def _manifest(place: Place) -> _artifacts.Artifact | None:
    return _artifacts.read(place.folder, _folder(place) / _artifacts.MANIFEST)


def _folder(place: Place) -> Path:
    """Where dbt leaves the manifest of a listing."""
    return place.private / "listing"


def _file(place: Place) -> Path:
    return place.private / "commands.json"
