"""Unsaved text asked about through the pages: compiled in projects of any size, and the first rows of a view over a million."""

from __future__ import annotations

import io
import json
import statistics
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from bench import dbt, projects
from bench.figures import Figure
from bench.files import signed_in
from bench.stack import Client

TIMES = 7
ROWS = 1_000_000
ARCHIVE = 9_000  # files of one zip archive; it may have 10,000
VIEW = "select i as id, i % 7 as kind, i / 3.0 as amount, date '2020-01-01' + (i % 1000)::int as day from range({rows}) t(i)"


def of(models: int, goal: float) -> Callable[[Client, Path], Iterator[Figure]]:
    """Compile a changed text among so many models, and preview a view."""

    def measured(client: Client, home: Path) -> Iterator[Figure]:
        program = dbt.find(client, home)
        namespace = f"bench.asking{models}"
        with tempfile.TemporaryDirectory() as folder, closing(signed_in(client)) as pages:
            warehouse = Path(folder) / "warehouse.duckdb"
            _fill(program.parent / "python", warehouse)
            _upload(client, namespace, _project(Path(folder) / "project", models, warehouse))
            path, text = _one(models)
            took = [_seconds(lambda text=f"{text}-- {number}\n": _compile(pages, namespace, path, text)) for number in range(TIMES + 2)][2:]
            yield Figure(f"compile unsaved text in {models:,} models", statistics.median(took), "s", goal, note=_told(took))
            took = [_seconds(lambda number=number: _preview(pages, namespace, number)) for number in range(TIMES + 2)][2:]
            yield Figure(f"preview a view of {ROWS:,} rows in {models:,} models", statistics.median(took), "s", 0.8, note=_told(took))

    return measured


def _told(took: list[float]) -> str:
    return f"{min(took):.2f} to {max(took):.2f} s"


def _fill(python: Path, warehouse: Path) -> None:
    code = f"import duckdb; c = duckdb.connect({str(warehouse)!r}); c.execute('create table t as ' + {VIEW.format(rows=ROWS)!r}); "
    subprocess.run([python, "-c", f"{code}c.execute('create view many as select * from t')"], check=True)


def _project(folder: Path, models: int, warehouse: Path) -> Path:
    project = projects.write(folder, models)
    output = {"type": "duckdb", "path": str(warehouse), "threads": 4}
    (project / "profiles.yml").write_text(json.dumps({"made": {"target": "dev", "outputs": {"dev": output}}}))
    (project / "models" / "shown.sql").write_text("select * from many\n")
    return project


def _upload(client: Client, namespace: str, project: Path) -> None:
    paths = [path for path in sorted(project.rglob("*")) if path.is_file()]
    for start in range(0, len(paths), ARCHIVE):
        target = io.BytesIO()
        with zipfile.ZipFile(target, "w") as archive:
            for path in paths[start : start + ARCHIVE]:
                archive.write(path, path.relative_to(project))
        client.put_file(namespace, "/project.zip", target.getvalue())


def _one(models: int) -> tuple[str, str]:
    number = models // 2
    name = projects.name(number)
    return f"models/part_{number % projects.FOLDERS:02}/{name}.sql", f"select * from {{{{ ref('{projects.name(0)}') }}}}\n"


def _post(pages: httpx.Client, namespace: str, end: str, **values: Any) -> dict[str, Any]:
    answer = pages.post(f"/workspace/{namespace}/{end}/", json=values, timeout=600)
    if answer.status_code != 200:
        raise RuntimeError(f"{end}: {answer.status_code} {answer.text[:500]}")
    return dict(answer.json())


def _compile(pages: httpx.Client, namespace: str, path: str, text: str) -> None:
    answer = _post(pages, namespace, "dbt/compile", path=path, text=text)
    if "sql" not in answer:
        raise RuntimeError(str(answer)[:500])


def _preview(pages: httpx.Client, namespace: str, number: int) -> None:
    made = _post(pages, namespace, "dbt/preview", path="models/shown.sql", text=f"select * from many where id >= {number}\n", limit=500)
    answer = {"state": "waiting"}
    while answer["state"] in ("waiting", "running"):
        answer = pages.get(f"/workspace/{namespace}/dbt/preview/{made['id']}/", timeout=60).json()
    if len(answer.get("rows", ())) != 500:
        raise RuntimeError(str(answer)[:500])


def _seconds(measured: Callable[[], None]) -> float:
    began = time.perf_counter()
    measured()
    return time.perf_counter() - began
