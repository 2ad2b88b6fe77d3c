"""dbt's artifacts: where they are, what they add to the steps, and the summaries made of them. Reading never fails a task."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from engine.states import TERMINATED
from plugins.contract import Level, RunContext, StepReport
from plugins.dbt._command import Invocation
from plugins.dbt._events import read_time, uncoloured
from plugins.dbt._steps import Section, Steps
from plugins.scripts import _folders

MANIFEST, RUN_RESULTS, SOURCES, CATALOG = "manifest.json", "run_results.json", "sources.json", "catalog.json"
_LARGEST = 512 << 20  # bytes of an artifact that is still read
_FEW = 50  # things that are looked for one by one; for more the whole manifest is read
_LARGEST_LIVE = 64 << 20  # the same for the manifest while dbt runs
_REWRITES = frozenset({"generate", "compile", "parse", "list", "show"})  # their results say nothing about a run
_LEVELS: dict[str, Level] = {"FAILED": "ERROR", "WARNING": "WARN"}
# Where an artifact repeats what dbt was given: no command of dbt compares these.
_REPEATS = frozenset({"compiled_code", "compiled_sql", "message", "adapter_response", "args", "env"})
_SKIPPED_FOLDERS = frozenset({".git", ".kestra", "dbt_packages", "node_modules", ".venv", "venv"})


@dataclass(slots=True)
class Artifact:
    """One artifact: dbt's bytes and what they mean. A manifest has many megabytes, of which a run of one node needs a few lines: all of
    it is read only for who asks for `parsed`."""

    path: Path
    content: bytes
    _parsed: Mapping[str, Any] | None = None
    _alone: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def parsed(self) -> Mapping[str, Any]:
        """What the bytes mean; empty where they are no JSON object."""
        if self._parsed is None:
            try:
                found = json.loads(self.content)
            except (ValueError, RecursionError):
                found = {}
            self._parsed = found if isinstance(found, Mapping) else {}
        return self._parsed

    def node(self, unique_id: str) -> Mapping[str, Any]:
        """A node of a manifest; empty where it has none of this name."""
        return self._thing("nodes", unique_id)

    def macro(self, unique_id: str) -> Mapping[str, Any]:
        """A macro of a manifest; empty where it has none of this name."""
        return self._thing("macros", unique_id)

    def _thing(self, kind: str, unique_id: str) -> Mapping[str, Any]:
        if self._parsed is None and unique_id not in self._alone and len(self._alone) < _FEW:
            found = self._at(json.dumps(unique_id).encode() + b": {", last=kind == "macros")
            self._alone[unique_id] = found if isinstance(found, Mapping) and found.get("unique_id") == unique_id else {}
        if self._parsed is None and self._alone.get(unique_id):
            return self._alone[unique_id]
        things = self.parsed.get(kind)
        thing = things.get(unique_id) if isinstance(things, Mapping) else None
        return thing if isinstance(thing, Mapping) else {}

    @property
    def parents(self) -> Mapping[str, tuple[str, ...]]:
        """Every node's parents, by a manifest."""
        found = self._at(b'"parent_map": {', last=True, longest=len(self.content)) if self._parsed is None else None
        if isinstance(found, dict) and found and all(isinstance(parents, list) for parents in found.values()):
            return {unique_id: tuple(map(str, parents)) for unique_id, parents in found.items()}
        return parents_of(self.parsed)

    def _at(self, name: bytes, *, last: bool = False, longest: int = 1 << 20) -> Any:
        """The object that follows its name, read alone; None where it cannot be. Within a text the quotes of the name would be escaped."""
        place = self.content.rfind(name) if last else self.content.find(name)
        begin = place + len(name) - 1
        try:
            return json.JSONDecoder().raw_decode(self.content[begin : begin + longest].decode(errors="ignore"))[0] if place >= 0 else None
        except (ValueError, RecursionError):
            return None

    @property
    def invocation(self) -> str | None:
        begins = b'{"metadata": {'
        alone = self._at(begins) if self._parsed is None and self.content.startswith(begins) else None
        found = (alone or self.metadata).get("invocation_id")
        return found if isinstance(found, str) else None

    @property
    def metadata(self) -> Mapping[str, Any]:
        found = self.parsed.get("metadata")
        return found if isinstance(found, Mapping) else {}

    @property
    def command(self) -> str:
        arguments = self.parsed.get("args")
        return str(arguments.get("which", "")) if isinstance(arguments, Mapping) else ""

    @property
    def results(self) -> list[Mapping[str, Any]]:
        found = self.parsed.get("results")
        return [result for result in found if isinstance(result, Mapping)] if isinstance(found, list) else []


def read(folder: Path, path: Path, largest: int = _LARGEST) -> Artifact | None:
    """The artifact at a path below `folder`; None where there is none that can be read. What is no JSON object has an empty meaning."""
    try:
        if not _folders.is_own_file(folder, path) or path.stat().st_size > largest:
            return None
        content = path.read_bytes()
    except OSError:
        return None
    return Artifact(path, content)


def without_secrets(artifact: Artifact, context: RunContext) -> Artifact:
    """The same artifact, secrets hidden in SQL that was compiled with them, in messages, and in what dbt was called with.

    Names and checksums stay as they are, also where a secret is called like them: what compares with this artifact must find them.
    """
    if not context.in_sight(artifact.content) or not artifact.parsed:
        return artifact
    clear = _hidden(artifact.parsed, context, False)
    return Artifact(artifact.path, json.dumps(clear, ensure_ascii=False).encode(errors="replace"))


def _hidden(value: Any, context: RunContext, repeats: bool) -> Any:
    if isinstance(value, str):
        return context.mask(value) if repeats else value
    if isinstance(value, dict):
        return {name: _hidden(inner, context, repeats or name in _REPEATS) for name, inner in value.items()}
    return [_hidden(inner, context, repeats) for inner in value] if isinstance(value, list) else value


def target_folders(folder: Path, calls: Iterable[Invocation], project: Path, env: Mapping[str, str]) -> list[Path]:
    """Where dbt writes, by the flag, the variable and the project file, for each call; the project's usual folder comes last."""
    found = []
    for call in calls:
        home = folder / call.project_dir if call.project_dir not in ("", ".") else project
        found.append(home / (call.target_path or usual_target(home, env)))
    found.append(project / usual_target(project, env))
    return list(dict.fromkeys(found))


def usual_target(project: Path, env: Mapping[str, str]) -> str:
    """The target folder of a project where no flag says otherwise."""
    if env.get("DBT_TARGET_PATH"):
        return env["DBT_TARGET_PATH"]
    try:
        text = (project / "dbt_project.yml").read_text(errors="replace")
    except OSError:
        return "target"
    found = re.search(r"^target-path:\s*[\"']?([^\"'\n#{]+?)[\"']?\s*(?:#.*)?$", text, re.MULTILINE)
    return found.group(1).strip() if found else "target"


@dataclass(slots=True)
class Artifacts:
    """The artifacts of one task; `since` is when its commands began, older files belong to someone else."""

    folder: Path
    targets: list[Path]
    since: float
    left: Path | None = None  # where each command left copies, in a folder of its own, named by its time
    kept: dict[str, list[Artifact]] = field(default_factory=lambda: {MANIFEST: [], RUN_RESULTS: [], SOURCES: [], CATALOG: []})
    _parents: Mapping[str, tuple[str, ...]] | None = None
    _taken: set[Path] = field(default_factory=set)

    def depends_on(self, unique_id: str) -> tuple[str, ...]:
        """A node's parents by the manifest that dbt has written by now."""
        if self._parents is None:
            manifest = next((found for found in self._fresh(MANIFEST, _LARGEST_LIVE)), None)
            if manifest is None or not (parents := manifest.parents):
                return ()
            self._parents = parents
        return self._parents.get(unique_id, ())

    def forget_parents(self) -> None:
        """Another call of dbt begins: it may have another manifest."""
        self._parents = None

    def keep(self) -> None:
        """Take what lies there now, before another call of dbt writes over it."""
        for name, kept in self.kept.items():
            for found in (*self._left(name), *self._fresh(name, _LARGEST)):
                if not any(found.content == other.content for other in kept):
                    kept.append(found)

    def _left(self, name: str) -> Iterator[Artifact]:
        """Copies that were not taken before: they never change."""
        paths = sorted({*self.left.glob(f"*/{name}")} - self._taken) if self.left is not None else []
        self._taken.update(paths)
        return (found for path in paths if (found := read(self.folder, path, _LARGEST)) is not None)

    def last(self, name: str) -> Artifact | None:
        """The artifact to hand on: for run_results.json the last that tells of a run rather than of a rewriting such as `docs generate`."""
        kept = self.kept[name]
        telling = [found for found in kept if found.command not in _REWRITES] if name == RUN_RESULTS else kept
        return next(reversed(telling or kept), None)

    def runs(self) -> list[Artifact]:
        """Every run_results.json that tells of a run."""
        kept = self.kept[RUN_RESULTS]
        return [found for found in kept if found.command not in _REWRITES] or kept

    def _fresh(self, name: str, largest: int) -> Iterator[Artifact]:
        paths = [target / name for target in self.targets]
        if not any(path.is_file() for path in paths):
            paths = list(self._elsewhere(name))
        for path in paths:
            try:
                recent = path.stat().st_mtime >= self.since
            except OSError:
                continue
            found = read(self.folder, path, largest) if recent else None
            if found is not None:
                yield found

    def _elsewhere(self, name: str) -> Iterator[Path]:
        """Artifacts in a target folder that nothing announced (a flag made by an expression of the shell, say)."""
        for parent, folders, files in os.walk(self.folder):
            depth = len(Path(parent).relative_to(self.folder).parts)
            folders[:] = [] if depth > 4 else [folder for folder in folders if folder not in _SKIPPED_FOLDERS]
            if name in files:
                yield Path(parent, name)


def parents_of(manifest: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """Every node's parents (models, seeds, snapshots, sources…), macros left out: by the manifest's own map, else by what a node says."""
    found: dict[str, tuple[str, ...]] = {}
    for kind in ("nodes", "unit_tests", "exposures", "metrics", "saved_queries", "semantic_models"):
        entries = manifest.get(kind)
        for unique_id, node in entries.items() if isinstance(entries, Mapping) else ():
            needs = node.get("depends_on") if isinstance(node, Mapping) else None
            nodes = needs.get("nodes") if isinstance(needs, Mapping) else None
            if isinstance(nodes, list):
                found[unique_id] = tuple(item for item in nodes if isinstance(item, str))
    known = manifest.get("parent_map")
    for unique_id, nodes in known.items() if isinstance(known, Mapping) else ():
        if isinstance(nodes, list):
            found[unique_id] = tuple(item for item in nodes if isinstance(item, str))
    return found


def complete(steps: Steps, artifacts: Artifacts, context: RunContext) -> None:
    """Add to the steps what only the artifacts know, and steps for nodes that no event told of. Metrics carry the node's name."""
    for artifact in artifacts.runs():
        section = _section(steps, artifact)
        for result in artifact.results:
            _complete_one(steps, section, artifact, result, context)
    for artifact in artifacts.kept[SOURCES]:
        for result in artifact.results:
            _complete_source(steps, _section(steps, artifact), result)


def _section(steps: Steps, artifact: Artifact) -> Section | None:
    return next((section for section in steps.sections if section.invocation and section.invocation == artifact.invocation), None)


def _complete_one(steps: Steps, section: Section | None, artifact: Artifact, result: Mapping[str, Any], context: RunContext) -> None:
    unique_id = result.get("unique_id")
    if not isinstance(unique_id, str) or not unique_id:
        return
    facts = _facts(result, unique_id, steps.parents(unique_id))
    _measure(facts, context)
    message = result.get("message")
    text = uncoloured(message).strip() if isinstance(message, str) else ""
    untold = not steps.knows(unique_id, section)

    def change(report: StepReport) -> StepReport:
        data = {**facts, **report.data}
        if "duration" in facts:
            data["duration"] = facts["duration"]  # the event of a no-op says 0
        state, started, ended = report.state, report.started, report.ended
        if state not in TERMINATED:
            state, badge = steps.state_of(str(result.get("status")))
            first, ended = _span(result, artifact, facts.get("duration"))
            started = started or first
            data |= {"badge": badge} if badge else {}
        said = text or report.message
        if state == "SKIPPED" and not data.get("badge") and "cause" not in data and (cause := steps.cause(unique_id, section)):
            data["cause"] = cause
            said = f"Skipped because of {cause}"
        working = report.working or _phase(result, "execute")
        return replace(report, state=state, started=started, ended=ended, message=said, data=data, working=working)

    report = steps.put(unique_id, section, change)
    if untold:
        for line in _told(unique_id, result, text):
            context.log(_LEVELS.get(report.state, "INFO"), line, step=report.name, at=report.ended)


def _told(unique_id: str, result: Mapping[str, Any], message: str) -> list[str]:
    """What the log says of a node of which no line of dbt told, as Kestra says it."""
    seconds, failures = _number(result.get("execution_time")), _number(result.get("failures"))
    took = f" in {seconds:.2f}s" if seconds is not None else ""
    found = f" ({failures:g} failure{'s' if failures > 1 else ''})" if failures else ""
    return [f"{unique_id} => {result.get('status')}{took}{found}", *([message] if message else [])]


def _phase(result: Mapping[str, Any], name: str) -> datetime | None:
    """When a phase of a node began."""
    timing = result.get("timing")
    parts = [part for part in timing if isinstance(part, Mapping)] if isinstance(timing, list) else []
    return next((moment for part in parts if part.get("name") == name and (moment := read_time(part.get("started_at")))), None)


def _facts(result: Mapping[str, Any], unique_id: str, parents: tuple[str, ...]) -> dict[str, Any]:
    """What a result says about its node; what it does not say is left out."""
    given = result.get("adapter_response")
    response = dict(given) if isinstance(given, Mapping) else {}
    rows = _number(response.get("rows_affected"))
    facts = {
        "unique_id": unique_id,
        "status": result.get("status"),
        "rows_affected": rows if rows is not None and rows >= 0 else None,  # some adapters say -1 for "unknown"
        "bytes_processed": _number(response.get("bytes_processed")),
        "duration": _number(result.get("execution_time")),
        "thread": result.get("thread_id"),
        "num_failures": result.get("failures"),
        "relation": result.get("relation_name"),
        "resource_type": unique_id.partition(".")[0],
        "depends_on": list(parents) or None,
    }
    return {key: value for key, value in facts.items() if value not in (None, "")}


def _measure(facts: Mapping[str, Any], context: RunContext) -> None:
    """Metrics of one node, tagged with its name."""
    tags = {"node": str(facts["unique_id"])}
    for name, fact in (("rows.affected", "rows_affected"), ("bytes.processed", "bytes_processed")):
        if fact in facts:
            context.metric(name, facts[fact], tags=tags)
    if "duration" in facts:
        context.metric("node.execution.duration", facts["duration"], kind="timer", tags=tags)


def _complete_source(steps: Steps, section: Section | None, result: Mapping[str, Any]) -> None:
    unique_id = result.get("unique_id")
    if not isinstance(unique_id, str) or not unique_id:
        return
    facts = {name: result.get(name) for name in ("max_loaded_at", "snapshotted_at", "max_loaded_at_time_ago_in_s", "criteria", "status")}
    text = result.get("error")

    def change(report: StepReport) -> StepReport:
        data = {**report.data, **{key: value for key, value in facts.items() if value is not None}}
        if report.state in TERMINATED:
            return replace(report, message=report.message or (str(text) if text else None), data=data)
        state, _ = steps.state_of(str(result.get("status")))
        started, ended = _span(result, None, _number(result.get("execution_time")))
        return replace(report, state=state, started=report.started or started, ended=ended, message=str(text) if text else None, data=data)

    steps.put(unique_id, section, change)


def _span(result: Mapping[str, Any], artifact: Artifact | None, seconds: float | None) -> tuple[datetime | None, datetime | None]:
    """Start and end of a result: its timings, never shorter than execution_time; without timings the time of the artifact."""
    timing = result.get("timing")
    parts = [part for part in timing if isinstance(part, Mapping)] if isinstance(timing, list) else []
    begun = [moment for part in parts if (moment := read_time(part.get("started_at")))]
    done = [moment for part in parts if (moment := read_time(part.get("completed_at")))]
    fallback = read_time(artifact.metadata.get("generated_at")) if artifact else read_time(result.get("snapshotted_at"))
    started = min(begun) if begun else fallback
    ended = max(done) if done else started
    if started is not None and seconds is not None:
        ended = max(ended or started, started + timedelta(seconds=seconds))
    return started, ended


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return int(number) if number.is_integer() else number


def summaries(artifacts: Iterable[Artifact]) -> dict[str, Any]:
    """`runSummary` over models, seeds, snapshots… and `testSummary` over tests; hooks are counted nowhere."""
    artifacts = list(artifacts)
    results = [result for artifact in artifacts for result in artifact.results if isinstance(result.get("unique_id"), str)]
    elapsed = sum(_number(artifact.parsed.get("elapsed_time")) or 0.0 for artifact in artifacts)
    tests = [result for result in results if result["unique_id"].startswith(("test.", "unit_test."))]
    nodes = [result for result in results if not result["unique_id"].startswith(("test.", "unit_test.", "operation."))]
    return {"runSummary": _run_summary(nodes, elapsed), "testSummary": _test_summary(tests)}


def tests_warned(artifacts: Iterable[Artifact]) -> bool:
    """Whether a test warned."""
    results = (result for artifact in artifacts for result in artifact.results)
    return any(result.get("status") == "warn" and str(result.get("unique_id")).startswith(("test.", "unit_test.")) for result in results)


_RUN_WORDS = {
    "success": ("success", "run", "pass", "reused"),
    "error": ("error", "runtime_error", "runtime error", "fail"),
    "warn": ("warn", "partial success"),
    "skipped": ("skipped", "no-op"),
}
_TEST_WORDS = {
    "pass": ("pass", "success", "run", "reused"),
    "fail": ("fail",),
    "warn": ("warn",),
    "error": ("error", "runtime_error", "runtime error"),
    "skipped": ("skipped", "no-op"),
}


def _count(results: list[Mapping[str, Any]], words: Mapping[str, tuple[str, ...]]) -> dict[str, int]:
    return {name: sum(str(result.get("status")) in known for result in results) for name, known in words.items()}


def _run_summary(nodes: list[Mapping[str, Any]], elapsed: float) -> dict[str, Any]:
    timed = [(result["unique_id"], _number(result.get("execution_time"))) for result in nodes]
    slowest = sorted(((name, seconds) for name, seconds in timed if seconds is not None), key=lambda pair: -pair[1])[:3]
    counts = _count(nodes, _RUN_WORDS)
    return {
        "total": len(nodes),
        **counts,
        "elapsedTime": elapsed,
        "slowest": [{"uniqueId": name, "executionTime": seconds} for name, seconds in slowest],
    }


def _test_summary(tests: list[Mapping[str, Any]]) -> dict[str, Any]:
    return {"total": len(tests), **_count(tests, _TEST_WORDS)}
