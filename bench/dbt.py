"""dbt through a flow against the same command from a shell: same files, target, threads and kind of DuckDB file; and warm commands."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import memory, projects
from bench.figures import Figure
from bench.stack import ROOT, Client
from plugins.dbt import _hosts

LEFT_BEHIND = ("target", "logs", "dbt_packages")
Measure = Callable[[Client, Path], Iterator[Figure]]
FLOW = """id: build
namespace: NAMESPACE
tasks:
  - id: dbt
    type: io.kestra.plugin.dbt.cli.DbtCLI
    containerImage: ghcr.io/kestra-io/dbt-duckdb:latest
    taskRunner:
      type: io.kestra.plugin.core.runner.Process
    namespaceFiles:
      enabled: true
      exclude:
        - profiles.yml
    SETTINGS
    commands:
      - COMMAND
    profiles: |
      PROFILE:
        target: dev
        outputs:
          dev:
            type: duckdb
            path: warehouse.duckdb
            threads: 4
"""
@dataclass(frozen=True)
class Work:
    """A command over a project, to be run through a flow and from a shell."""

    project: Path
    profile: str
    command: str
    namespace: str
    settings: tuple[str, ...] = ()  # lines of the task

    def prepare(self, client: Client) -> None:
        """The project as namespace files, without what a run leaves behind (both sides parse from nothing)."""
        for file in sorted(self.project.rglob("*")):
            name = file.relative_to(self.project)
            if file.is_file() and name.parts[0] not in LEFT_BEHIND and name.name != "profiles.yml":
                client.put_file(self.namespace, f"/{name}", file.read_bytes())
        client.put_flow(self.flow)

    @property
    def flow(self) -> str:
        flow = FLOW.replace("    SETTINGS\n", "".join(f"    {line}\n" for line in self.settings))
        return flow.replace("NAMESPACE", self.namespace).replace("COMMAND", self.command).replace("PROFILE", self.profile)

    def through_flow(self, client: Client) -> float:
        """Seconds from POST to the first answer that shows a terminal state."""
        started = time.perf_counter()
        # Asked seldom enough not to weigh on two cores.
        execution = client.until_terminated(client.start(self.namespace, "build"), every=0.1, later=0.02)
        took = time.perf_counter() - started
        if execution["state"]["current"] not in ("SUCCESS", "WARNING"):
            raise RuntimeError(f"`{self.command}` ended {execution['state']['current']}")
        return took

    def from_shell(self, dbt: Path) -> float:
        """Seconds of the command alone, in a fresh copy of the project."""
        with tempfile.TemporaryDirectory() as folder:
            project = Path(folder) / "project"
            shutil.copytree(self.project, project, ignore=shutil.ignore_patterns(*LEFT_BEHIND))
            lines = [line.removeprefix(" " * 6) for line in self.flow.split("profiles: |\n")[1].splitlines()]
            (project / "profiles.yml").write_text("\n".join(lines))
            return shell(dbt, project, f"{self.command} --log-format json --log-path logs")


def shell(dbt: Path, project: Path, command: str) -> float:
    """Seconds that a command takes in this folder; `dbt` is the program or what stands in for it."""
    environment = {"PATH": f"{dbt.parent}:{os.environ['PATH']}", "HOME": str(project), "PYTHONUNBUFFERED": "true"}
    environment["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"
    started = time.perf_counter()
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"`{command}` failed:\n{done.stdout.decode(errors='replace')[-2000:]}")
    return took


def find(client: Client, home: Path) -> Path:
    """The dbt that the product made for the flow: the reference runs the very same program."""
    found = sorted(home.glob("environments/**/bin/dbt"))
    if not found:
        work = demo("bench.first")
        work.prepare(client)
        work.through_flow(client)
        found = sorted(home.glob("environments/**/bin/dbt"))
    if not found:
        raise RuntimeError(f"no environment with dbt below {home}/environments")
    return found[0]


def demo(namespace: str) -> Work:
    """The project that the product brings."""
    return Work(ROOT / "demo" / "project", "my_dbt_project", "dbt build", namespace)


def measure(client: Client, home: Path) -> Iterator[Figure]:
    """The demo and a project of 28 nodes."""
    yield compared(client, home, demo("bench.dbt"), "demo", 0.5)
    yield from build(28, 0.5)(client, home)


def build(nodes: int, goal: float) -> Measure:
    """`dbt build` of a made project: half of its nodes are tests."""

    def measured(client: Client, home: Path) -> Iterator[Figure]:
        with tempfile.TemporaryDirectory() as folder:
            project = projects.write(Path(folder) / "project", nodes // 2)
            yield compared(client, home, Work(project, "made", "dbt build", f"bench.nodes{nodes}"), f"{nodes} nodes", goal)

    return measured


def compared(client: Client, home: Path, work: Work, name: str, goal: float) -> Figure:
    """The median ratio of the two, in turn, after one warm-up of each."""
    dbt = find(client, home)
    work.prepare(client)
    work.through_flow(client)
    work.from_shell(dbt)
    found = [(work.through_flow(client), work.from_shell(dbt)) for _ in range(5)]
    told = ", ".join(f"{flow:.2f}/{shell:.2f}" for flow, shell in found)
    ratio = statistics.median(flow / shell for flow, shell in found)
    return Figure(f"{work.command}, {name}, flow over shell", ratio, "times", goal, note=f"{told} s")


def one_of(models: int, goal: float, megabytes: float) -> Measure:
    """Compile one model of a parsed project by a process that has dbt loaded, beside dbt itself; and the memory which that takes more."""

    def measured(client: Client, home: Path) -> Iterator[Figure]:
        dbt = find(client, home)
        host = _hosts.at(dbt.parent.parent, "bench", None)
        with tempfile.TemporaryDirectory() as folder:
            project = projects.write(Path(folder) / "project", models)
            command = f"dbt compile --select {projects.name(models // 2)}"
            empty = projects.write(Path(folder) / "empty", 1)
            for _ in range(3):
                shell(host.programs / "dbt", empty, "dbt parse")
            before = memory.of_server(host.process.pid)
            shell(host.programs / "dbt", project, command)  # from nothing
            plain = shell(dbt, project, command)
            shell(host.programs / "dbt", project, command)
            took = [shell(host.programs / "dbt", project, command) for _ in range(5)]
            yield Figure(f"compile one of {models:,}", statistics.median(took), "s", goal, note=f"dbt itself {plain:.1f} s")
            yield Figure(f"host with {models:,} models, more memory", memory.of_server(host.process.pid) - before, "MB", megabytes)
        _hosts.end()

    return measured


def run_one(client: Client, home: Path) -> Iterator[Figure]:
    """Run one model of 1,000 through a flow."""
    find(client, home)
    with tempfile.TemporaryDirectory() as folder:
        project = projects.write(Path(folder) / "project", 1000)
        work = Work(project, "made", f"dbt run --select {projects.name(0)}", "bench.one")
        work.prepare(client)
        for _ in range(2):
            work.through_flow(client)
        took = [work.through_flow(client) for _ in range(5)]
        yield Figure("run one model of 1,000 through a flow", statistics.median(took), "s", 0.9)
