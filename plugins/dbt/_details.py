"""What the pane of a step shows beside its row: compiled SQL, where an error lies, timings of the adapter, rows that a test found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine.states import FAILED
from plugins.contract import StepReport
from plugins.dbt._artifacts import MANIFEST, Artifact, Artifacts
from plugins.dbt._command import Invocation
from plugins.dbt._events import read_time, uncoloured
from plugins.dbt._places import place_of
from plugins.dbt._steps import Steps
from plugins.dbt._vars import of_call
from plugins.scripts import _folders

LONGEST_SQL = 100_000  # characters
MOST_ROWS, MOST_COLUMNS, LONGEST_CELL = 100, 60, 500
_LARGEST_ROWS = 4 << 20  # bytes of a file with the rows of one test


@dataclass(slots=True)
class Sources:
    """Where the SQL of nodes is found: by the manifests of the task and in the target folders."""

    artifacts: Artifacts
    project: Path
    _manifests: dict[str | None, Artifact | None] = field(default_factory=dict)

    def node(self, unique_id: str, call: str | None) -> Mapping[str, Any]:
        """What the manifest of that call of dbt, else the last one, says of a node."""
        if call not in self._manifests:
            kept = self.artifacts.kept[MANIFEST]
            self._manifests[call] = next((found for found in kept if found.invocation == call), kept[-1] if kept else None)
        manifest = self._manifests[call]
        return manifest.node(unique_id) if manifest is not None else {}

    def written(self, node: Mapping[str, Any]) -> str:
        """A model as it was written; dbt's copy, which lacks blank lines at its start, where the file is not at hand or was changed."""
        raw = str(node.get("raw_code") or "").replace("\r\n", "\n")
        text = self._text(self.project / str(node.get("original_file_path") or "")).replace("\r\n", "\n")
        return text if raw.strip() and raw.strip() in text else raw

    def left(self, kind: str, node: Mapping[str, Any], period: str = "") -> str:
        """What dbt left of a node, or of one of its batches, below `compiled` or `run` in its target folder; empty for nothing."""
        original, path, package = (str(node.get(name) or "") for name in ("original_file_path", "path", "package_name"))
        if not original or not package:
            return ""
        name = Path(original) if Path(original).name == Path(path).name or not path else Path(original, path)
        if period:
            name = name.with_suffix("") / f"{name.stem}_{period}{name.suffix}"
        texts = (self._text(target / kind / package / name) for target in self.artifacts.targets)
        return next(filter(None, texts), "")

    def _text(self, path: Path) -> str:
        if not _folders.is_own_file(self.artifacts.folder, path):
            return ""
        with path.open("rb") as file:
            return file.read(4 * LONGEST_SQL).decode(errors="replace")


def explain(steps: Steps, artifacts: Artifacts, project: Path, found_rows: Path, calls: Sequence[Invocation] = ()) -> None:
    """Add to every step that ran what only its pane shows, and the variables that its node uses."""
    kept = artifacts.kept[MANIFEST]
    variables = of_call(kept[-1] if kept else None, artifacts.folder, project, calls)
    sources = Sources(artifacts, project)
    results: dict[tuple[str | None, Any], Mapping[str, Any]] = {}
    for artifact in artifacts.runs():
        for result in artifact.results:
            results[None, result.get("unique_id")] = results[artifact.invocation, result.get("unique_id")] = result
    rows = dict(_found_rows(artifacts.folder, found_rows))
    for name, report in list(steps.reports.items()):
        unique_id = report.data.get("unique_id")
        if not isinstance(unique_id, str) or report.state == "SKIPPED":
            continue
        call = steps.call_of(name)
        detail = _detail(report, results.get((call, unique_id), {}), sources, sources.node(unique_id, call))
        if report.kind == "test" and (call, unique_id) in rows:
            detail["rows"] = rows[call, unique_id]
        used = variables.of(unique_id)
        if detail or used:
            steps.tell(replace(report, detail=detail, data={**report.data, **({"vars": used} if used else {})}))


def _detail(report: StepReport, result: Mapping[str, Any], sources: Sources, node: Mapping[str, Any]) -> dict[str, Any]:
    if report.kind == "batch":
        return {"sql": sql} if (sql := sources.left("compiled", node, str(report.data.get("period") or ""))) else {}
    compiled = result.get("compiled_code")
    sql = (compiled if isinstance(compiled, str) and compiled else sources.left("compiled", node)).strip("\n")
    given = result.get("adapter_response")
    detail: dict[str, Any] = {
        "sql": sql[:LONGEST_SQL],
        "timing": _phases(result),
        "adapter": {str(key): value for key, value in given.items() if not str(key).startswith("_")} if isinstance(given, Mapping) else {},
    }
    if report.state == FAILED and report.kind not in ("test", "unit_test", "source"):
        detail |= _error_at(report.message or "", sources, node, sql)
    return {key: value for key, value in detail.items() if value}


def _error_at(message: str, sources: Sources, node: Mapping[str, Any], sql: str) -> dict[str, Any]:
    """Where the error lies, in the compiled SQL and in the model."""
    written = sources.written(node)
    place = place_of(uncoloured(message), written, sql, sources.left("run", node))
    found: dict[str, Any] = {"sql_line": place.compiled} if place.compiled else {}
    if place.line and node.get("original_file_path"):
        text = written.splitlines()[place.line - 1]
        found["error_at"] = {"path": str(node["original_file_path"]), "line": place.line, "text": text[:500]}
    return found


def _phases(result: Mapping[str, Any]) -> dict[str, float]:
    """Seconds that each phase of a node took."""
    timing = result.get("timing")
    phases: dict[str, float] = {}
    for part in timing if isinstance(timing, list) else []:
        if isinstance(part, Mapping) and isinstance(part.get("name"), str):
            began, ended = read_time(part.get("started_at")), read_time(part.get("completed_at"))
            if began and ended:
                phases[part["name"]] = round((ended - began).total_seconds(), 6)
    return phases


def _found_rows(folder: Path, found: Path) -> Iterator[tuple[tuple[str | None, str], dict[str, Any]]]:
    """The rows that tests found, as dbt's process left them, by call of dbt and test."""
    for path in sorted(found.glob("*.json")):
        if path.stat().st_size > _LARGEST_ROWS or not (content := _folders.read_inside(folder, path)):
            continue
        try:
            told = json.loads(content)
            columns = [str(name)[:LONGEST_CELL] for name in told["columns"]][:MOST_COLUMNS]
            rows = [[_cell(cell) for cell in row[:MOST_COLUMNS]] for row in told["rows"][:MOST_ROWS]]
            found_by = {"columns": columns, "rows": rows, "more": len(told["rows"]) > MOST_ROWS}
            yield (None, str(told["unique_id"])), found_by
            yield (told["invocation"], str(told["unique_id"])), found_by
        except (ValueError, KeyError, TypeError, RecursionError):
            continue


def _cell(value: Any) -> str | None:
    return None if value is None else str(value)[:LONGEST_CELL]
