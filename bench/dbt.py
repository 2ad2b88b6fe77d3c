"""`dbt build` through a flow against the same command from a shell: same files, target, threads and kind of DuckDB file."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from bench.figures import Figure
from bench.stack import ROOT, Client

NAMESPACE = "bench.dbt"
PROJECT = ROOT / "demo" / "project"
FLOW = """id: build
namespace: bench.dbt
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
    commands:
      - dbt build
    profiles: |
      my_dbt_project:
        target: dev
        outputs:
          dev:
            type: duckdb
            path: warehouse.duckdb
            threads: 4
"""
PROFILE = FLOW.split("profiles: |\n")[1]


def prepare(client: Client) -> None:
    """The project as namespace files, without what a run leaves behind (both sides parse from nothing)."""
    for file in sorted(PROJECT.rglob("*")):
        name = file.relative_to(PROJECT)
        if file.is_file() and name.parts[0] not in ("target", "logs", "dbt_packages") and name.name != "profiles.yml":
            client.put_file(NAMESPACE, f"/{name}", file.read_bytes())
    client.put_flow(FLOW)


def through_flow(client: Client) -> float:
    """Seconds from POST to the first answer that shows a terminal state."""
    started = time.perf_counter()
    execution = client.until_terminated(client.start(NAMESPACE, "build"), every=0.1)  # seldom enough not to weigh on two cores
    took = time.perf_counter() - started
    if execution["state"]["current"] not in ("SUCCESS", "WARNING"):
        raise RuntimeError(f"the build ended {execution['state']['current']}")
    return took


def from_shell(dbt: Path) -> float:
    """Seconds of the command alone, in a fresh copy of the project."""
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "project"
        shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs", "dbt_packages"))
        lines = [line[6:] if line.startswith(" " * 6) else line for line in PROFILE.splitlines()]
        (project / "profiles.yml").write_text("\n".join(lines))
        started = time.perf_counter()
        command = ["/bin/sh", "-c", "dbt build --log-format json --log-path logs"]
        environment = {"PATH": f"{dbt.parent}:{os.environ['PATH']}", "HOME": folder, "PYTHONUNBUFFERED": "true"}
        done = subprocess.run(command, cwd=project, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        took = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"dbt from the shell failed:\n{done.stdout.decode(errors='replace')[-2000:]}")
    return took


def find(home: Path) -> Path:
    """The dbt that the product made for the flow: the reference runs the very same program."""
    found = sorted(home.glob("environments/**/bin/dbt"))
    if not found:
        raise RuntimeError(f"no environment with dbt below {home}/environments")
    return found[0]


def measure(client: Client, home: Path) -> Iterator[Figure]:
    """The median ratio of the two."""
    found = pairs_of(client, home)
    told = ", ".join(f"{flow:.2f}/{shell:.2f}" for flow, shell in found)
    yield Figure("dbt build, flow over shell", statistics.median(flow / shell for flow, shell in found), "times", 1.15, note=f"{told} s")


def pairs_of(client: Client, home: Path, *, pairs: int = 5) -> list[tuple[float, float]]:
    """(through the flow, from the shell) per pair, in turn; one warm-up of each before."""
    prepare(client)
    through_flow(client)
    dbt = find(home)
    from_shell(dbt)
    return [(through_flow(client), from_shell(dbt)) for _ in range(pairs)]
