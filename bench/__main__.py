"""`python -m bench [part …]`; without a part, all but those that take long. Each prints its figures beside their goals."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from bench import asking, chain, dbt, files, fires, git, language, latency, live, load, machine, stack, workspace
from bench.stack import Client
from tests.machine import postgres, postgres_programs


def load_on_postgres(_client: Client, _home: Path) -> Iterator[object]:
    """The same load on a PostgreSQL server of its own."""
    if postgres_programs() is None:
        yield "left out, no PostgreSQL on this machine"
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        postgres(Path(folder), durable=True) as address,
        stack.running(DATABASE_URL=address, KESTRA_WEB_DEMO="false") as (client, home),
    ):
        yield from load.measure(client, home)


PARTS: dict[str, Callable[[Client, Path], Iterator[object]]] = {
    "language": language.measure,
    "chain": chain.measure,
    "load": load.measure,
    "load-postgres": load_on_postgres,
    "fires": fires.measure,
    "latency": latency.measure,
    "dbt": dbt.measure,
    "dbt-400": dbt.build(400, 0.75),
    "dbt-one-1000": dbt.one_of(1000, 0.3, 250),
    "dbt-run-1000": dbt.run_one,
    "dbt-rows": live.rows,
    "dbt-told": live.overhead,
    "gantt": live.gantt,
    "git": git.measure,
    "git-tasks": git.tasks,
    "files": files.measure,
    "workspace": workspace.measure,
    "asking": asking.of(1000, 0.3),
}
ASKED_FOR: dict[str, Callable[[Client, Path], Iterator[object]]] = {  # minutes each, most of them dbt's own
    "dbt-2000": dbt.build(2000, 0.8),
    "dbt-one-5000": dbt.one_of(5000, 0.6, 500),
    "asking-10000": asking.of(10000, 1.3),
    "dbt-one-10000": dbt.one_of(10000, 1.3, 900),
}


def main(parts: list[str]) -> int:
    known = PARTS | ASKED_FOR
    unknown = [part for part in parts if part not in known]
    if unknown:
        print(f"unknown part {unknown[0]}; there are {', '.join(known)}")
        return 2
    print(f"machine: Python loop {machine.loop():.3f} s, fsync {machine.fsync() * 1000:.2f} ms")
    with stack.running(KESTRA_WEB_DOCKER_FALLBACK="process") as (client, home):
        for part in parts or PARTS:
            for figure in known[part](client, home):
                print(f"{part}: {figure}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
