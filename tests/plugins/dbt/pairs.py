"""The same dbt command twice, from a shell and through a host that has dbt loaded: what each leaves behind, made comparable."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from plugins.dbt import _hosts
from plugins.dbt._host.client import TOLD

ROOT = Path(__file__).resolve().parents[3]

PROJECTS = {
    "shop": Path(__file__).parent / "project",
    "demo": ROOT / "demo" / "project",
    "core": ROOT / "demo" / "projects" / "dbt-core",
    "marts": ROOT / "demo" / "projects" / "dbt-marts",
}
COMMANDS = [shlex.split(line) for line in """parse
compile
build
build
run
run --full-refresh
run --vars '{"a": 1}'
run --vars '{"a": 2}'
run --select config.materialized:view
run --exclude config.materialized:view
run --target prod
run --empty
run --fail-fast
run --threads 1 --quiet
run --warn-error
run --no-partial-parse
run --no-static-parser
run --defer --state state
test
test --select test_type:singular
test --select test_type:unit
test --store-failures
seed
seed --full-refresh
seed --show
snapshot
build --select resource_type:seed
build --select nothing_at_all
build --select state:modified+ --state state
build --select result:error+ --state state
build --resource-type test
retry
ls
ls --output json
ls --output path --resource-type model
list --select +config.materialized:table
show --inline 'select 1 as one'
compile --inline 'select 2 as two'
compile --select no_such_model
docs generate
docs generate --no-compile
source freshness
clone --state state
run-operation no_such_macro
debug
deps
clean
--version
--help
no-such-command
run --no-such-flag
run --target no_such_target
build --log-level debug
parse --no-write-json""".splitlines()]
BASIC = {"LANG": "C.UTF-8", "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
TIMES = frozenset(
    {"generated_at", "invocation_id", "invocation_started_at", "created_at", "started_at", "completed_at", "compiled_at", "snapshotted_at"}
    | {"execution_time", "elapsed_time", "elapsed", "max_loaded_at", "max_loaded_at_time_ago_in_s", "thread_id", "user_id"}
)
# What dbt says of its own parsing, which is the one thing that a host does otherwise; what says nothing but times; and which thread came
# first to take over a connection.
OF_PARSING = re.compile(
    "PartialParsing|UnableToPartialParse|ParsePerfInfo|StateCheckVars|Note|CommandCompleted|ResourceReport|FormattingEvent|EndOfRunSummary"
    "|LogCancelLine|ConnectionReused|ConnectionClosedInCleanup|NewConnection|NewConnectionOpening|ConnectionLeftOpenInCleanup"
)
PASSING = re.compile(
    r"\d+ of \d+|\d\d:\d\d:\d\d|\d+\.\d+ ?s(econds)?\b|\d+ hours?, \d+ minutes and |[0-9a-f]{8}-[0-9a-f-]{27}|__dbt_tmp\d+"
    r"|20\d\d-\d\d-\d\d[ T.:\d]*"
)


@dataclass
class Left:
    """What one command left: exit code, artifacts and compiled files by name, and what it said."""

    code: int
    artifacts: dict[str, Any]
    files: dict[str, str]
    said: list[str]
    error: str = ""
    raw: str = ""


@dataclass
class Pair:
    """A project that is edited, and a folder in which commands run. Both sides have a warehouse and an earlier state of their own."""

    project: Path
    folder: Path
    environment: Path
    namespace: str = "pairs"
    variables: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.source = self.folder / "source"
        shutil.copytree(self.project, self.source, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages", "*.duckdb"))
        profile = re.search(r"^profile: *['\"]?([\w-]+)", (self.source / "dbt_project.yml").read_text(), re.MULTILINE)
        assert profile
        output = {"type": "duckdb", "path": "warehouse.duckdb", "threads": 1}
        outputs = {"dev": output, "prod": {**output, "schema": "prod"}}
        (self.source / "profiles.yml").write_text(json.dumps({profile[1]: {"target": "dev", "outputs": outputs}}))

    def both(self, *arguments: str, **more: str) -> tuple[Left, Left]:
        """(from a shell, through the host)."""
        return self.run("plain", arguments, more), self.run("warm", arguments, more)

    def run(self, side: str, arguments: Sequence[str], more: Mapping[str, str], *, fresh: bool = True) -> Left:
        """Run it in a fresh copy of the project, as a task does; else where the command before it ran."""
        work = self.folder / "work"
        if fresh:
            shutil.rmtree(work, ignore_errors=True)
            shutil.copytree(self.source, work)
        kept = self.folder / side
        if kept.exists():
            shutil.copytree(kept, work, dirs_exist_ok=True)
        host = _hosts.at(self.environment, self.namespace, None, caches=self.folder / "caches")
        told = self.folder / "told"
        told.unlink(missing_ok=True)
        programs = host.programs if side == "warm" else self.environment / "bin"
        basic = {**BASIC, "PATH": f"{programs}:/usr/bin:/bin", "HOME": str(self.folder)}
        done = subprocess.run(
            ["dbt", *arguments, "--log-format", "json", "--log-path", "logs"] if not arguments[0].startswith("--") else ["dbt", *arguments],
            cwd=work,
            env={**basic, TOLD: str(told), **self.variables, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if side == "warm":
            assert told.read_text() == "warm\n", (arguments, told.read_text(), done.stderr)
        self._keep(work, kept)
        return Left(done.returncode, _artifacts(work / "target"), _files(work / "target"), _said(done.stdout), done.stderr, done.stdout)

    def _keep(self, work: Path, kept: Path) -> None:
        kept.mkdir(exist_ok=True)
        if (work / "warehouse.duckdb").exists():
            shutil.copy(work / "warehouse.duckdb", kept)
        if (work / "target" / "run_results.json").exists():
            shutil.copytree(work / "target", kept / "state", dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.msgpack"))


def difference(plain: Left, warm: Left) -> str:
    """The first thing in which they differ, for the one who reads a failed test; empty where there is none."""
    if plain.code != warm.code:
        return f"exit code {plain.code} and {warm.code}: {plain.said[-3:]} {plain.error[-500:]} / {warm.said[-3:]} {warm.error[-500:]}"
    for what in ("artifacts", "files"):
        one, other = getattr(plain, what), getattr(warm, what)
        if set(one) != set(other):
            return f"{what} {sorted(set(one) ^ set(other))}"
        for name in one:
            found = _first(one[name], other[name], name)
            if found:
                return found
    return _first(plain.said, warm.said, "said")


def _first(one: Any, other: Any, where: str) -> str:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in [*one, *(key for key in other if key not in one)]:
            found = _first(one.get(key, "(missing)"), other.get(key, "(missing)"), f"{where}.{key}")
            if found:
                return found
        return ""
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return next((found for number, pair in pairs if (found := _first(*pair, f"{where}[{number}]"))), "")
    return "" if one == other else f"{where}: {str(one)[:1000]!r} and {str(other)[:1000]!r}"


def _artifacts(target: Path) -> dict[str, Any]:
    found = {path.name: json.loads(path.read_text()) for path in sorted(target.glob("*.json")) if "perf_info" not in path.name}
    return {name: _timeless(_graph(value) if name == "graph_summary.json" else value) for name, value in found.items()}


def _graph(summary: dict[str, Any]) -> dict[str, Any]:
    """The graphs of a summary by names; dbt numbers the nodes as they come."""
    graphs = {name: graph for name, graph in summary.items() if isinstance(graph, dict)}
    return {
        name: {node["name"]: [graph[succeeding]["name"] for succeeding in map(str, node.get("succ", []))] for node in graph.values()}
        for name, graph in graphs.items()
    }


def _timeless(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _timeless(item) for key, item in value.items() if key not in TIMES}
    if isinstance(value, list):  # dbt's sets come out in the order of a process's own hashes
        return sorted((_timeless(item) for item in value), key=lambda item: json.dumps(item, sort_keys=True))
    return PASSING.sub("~", value) if isinstance(value, str) else value


def _files(target: Path) -> dict[str, str]:
    found = [path for part in ("compiled", "run") for path in sorted((target / part).rglob("*")) if path.is_file()]
    return {str(path.relative_to(target)): PASSING.sub("~", path.read_text()) for path in found}


def _said(output: str) -> list[str]:
    said = []
    for line in output.splitlines():
        try:
            info = json.loads(line)["info"]
        except (ValueError, TypeError, KeyError):
            text = "| (rows by chance)" if line.startswith("|") else PASSING.sub("~", line)
            said += [text] if text not in said or not line.startswith("|") else []
            continue
        if not OF_PARSING.search(info["name"]):
            text = PASSING.sub("~", info["msg"])
            if info["name"] in ("FoundStats", "MainReportArgs"):  # in the order in which files were parsed, and of a process's own hashes
                text = ", ".join(sorted(text.strip("}").removeprefix("Found ").replace("{", ", ").split(", ")))
            if info["name"] == "PrintEvent" and text.startswith("{"):  # `ls --output json` tells sets, too
                text = json.dumps(_timeless(json.loads(info["msg"])))
            if info["name"] == "MainStackTrace":  # of what lies between, a host has more
                text = text.strip().rpartition("\n")[2]
            said.append(f"{info['level']} {info['name']} {text}")
    return sorted(said)
