"""Artifacts as dbt writes them, of projects as large as a test wants them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

PROJECT = "shop"


def model(name: str, *parents: str, project: str = PROJECT, **values: Any) -> dict[str, Any]:
    """A model of a manifest; its parents are unique_ids."""
    code = values.pop("raw_code", f"select * from {' join '.join(parents) or 'nothing'}")
    return {
        "unique_id": f"model.{project}.{name}",
        "resource_type": "model",
        "name": name,
        "alias": name,
        "database": "db",
        "schema": "main",
        "package_name": project,
        "original_file_path": f"models/{name}.sql",
        "path": f"{name}.sql",
        "fqn": [project, name],
        "config": {"materialized": "table", "tags": [], "meta": {}},
        "tags": [],
        "description": "",
        "columns": {},
        "depends_on": {"macros": [], "nodes": list(parents)},
        "raw_code": code,
        "checksum": {"name": "sha256", "checksum": code},
        **values,
    }


def check_of(name: str, about: str, column: str = "id", project: str = PROJECT) -> dict[str, Any]:
    """A generic test of a node."""
    return {
        **model(f"{name}_{about.rpartition('.')[2]}_{column}", about, project=project),
        "unique_id": f"test.{project}.{name}_{about.rpartition('.')[2]}_{column}.abc",
        "resource_type": "test",
        "attached_node": about,
        "column_name": column,
        "test_metadata": {"name": name, "kwargs": {"column_name": column}},
        "config": {"severity": "error"},
    }


def source(name: str, *, project: str = PROJECT, schema: str = "raw", database: str = "db", group: str = "app") -> dict[str, Any]:
    """A source table."""
    return {
        "unique_id": f"source.{project}.{group}.{name}",
        "resource_type": "source",
        "name": name,
        "identifier": name,
        "source_name": group,
        "database": database,
        "schema": schema,
        "package_name": project,
        "original_file_path": "models/sources.yml",
        "fqn": [project, group, name],
        "config": {},
        "description": "",
        "columns": {},
        "freshness": {"warn_after": {"count": 1, "period": "day"}, "error_after": {"count": None, "period": None}},
    }


def exposure(name: str, *parents: str, project: str = PROJECT) -> dict[str, Any]:
    """A dashboard that is fed by nodes."""
    return {
        "unique_id": f"exposure.{project}.{name}",
        "resource_type": "exposure",
        "name": name,
        "type": "dashboard",
        "package_name": project,
        "original_file_path": "models/exposures.yml",
        "fqn": [project, name],
        "owner": {"name": "Finance", "email": "finance@example.com"},
        "description": "What the board looks at.",
        "config": {},
        "depends_on": {"macros": [], "nodes": list(parents)},
    }


def write_manifest(folder: Path, *entries: dict[str, Any], project: str = PROJECT, at: str = "2026-11-25T01:00:00Z", **more: Any) -> Path:
    """A manifest.json of these entries, and `more` sections."""
    sections: dict[str, dict[str, Any]] = {"nodes": {}, "sources": {}, "exposures": {}}
    for entry in entries:
        sections[{"source": "sources", "exposure": "exposures"}.get(entry.get("resource_type", ""), "nodes")][entry["unique_id"]] = entry
    metadata = {"dbt_version": "1.11.0", "generated_at": at, "project_name": project, "adapter_type": "duckdb", "env": {}}
    return _write(folder / "manifest.json", {"metadata": metadata, **sections, "macros": {"macro.dbt.x": {"macro_sql": "x"}}, **more})


def write_results(folder: Path, *results: dict[str, Any], at: str = "2026-11-25T01:00:00Z", **arguments: Any) -> Path:
    """A run_results.json; each result names at least its `unique_id`."""
    usual = {"status": "success", "execution_time": 1.5, "message": "OK", "failures": None, "timing": [], "adapter_response": {}}
    metadata = {"dbt_version": "1.11.0", "generated_at": at, "env": {}}
    content = {"metadata": metadata, "args": {"which": "build", **arguments}, "results": [{**usual, **result} for result in results]}
    return _write(folder / "run_results.json", {**content, "elapsed_time": 3.0})


def layered(models: int, layers: int = 10) -> list[dict[str, Any]]:
    """So many models in layers, two parents each, a test per model."""
    made, width = [], max(models // layers, 1)
    for number in range(models):
        layer, place = divmod(number, width)
        above = [(layer - 1) * width + (place + step) % width for step in (0, 7)] if layer else []
        columns = {name: {"name": name, "description": f"The {name} of it."} for name in ("id", "amount", "happened_at")}
        parents = [f"model.{PROJECT}.layer_{layer - 1}_model_{one:05d}" for one in dict.fromkeys(above)]
        sql = f"select id, amount, happened_at\nfrom stage_{number}\nwhere amount > {number}\n" * 8
        text = f"What happens at step {number} of the flow of goods, by day and by place."
        made.append(
            model(f"layer_{layer}_model_{number:05d}", *parents, raw_code=sql, columns=columns, description=text, tags=[f"layer{layer}"])
        )
        made.append(check_of("unique", made[-1]["unique_id"]))
    return made


def _write(path: Path, content: dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path
