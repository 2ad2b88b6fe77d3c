"""dbt projects of any size: models in layers, each but the first layer's reads two of the layer before, and each has a test."""

from __future__ import annotations

import json
import math
from pathlib import Path

FOLDERS = 20  # models are spread over them, as people do


def write(folder: Path, models: int) -> Path:
    """A project with this many models and as many tests, twice as many nodes; answers the folder."""
    width = max(2, round(math.sqrt(models)))
    (folder / "models").mkdir(parents=True)
    (folder / "dbt_project.yml").write_text(
        json.dumps({"name": "made", "version": "1.0.0", "config-version": 2, "profile": "made", "model-paths": ["models"]})
    )
    output = {"type": "duckdb", "path": "warehouse.duckdb", "threads": 4}
    (folder / "profiles.yml").write_text(json.dumps({"made": {"target": "dev", "outputs": {"dev": output}}}))
    described: dict[Path, list[str]] = {}
    for number in range(models):
        place = folder / "models" / f"part_{number % FOLDERS:02}"
        place.mkdir(exist_ok=True)
        (place / f"{name(number)}.sql").write_text(_sql(number, width))
        described.setdefault(place, []).append(_described(number))
    for place, texts in described.items():
        (place / "schema.yml").write_text("version: 2\nmodels:\n" + "".join(texts))
    return folder


def name(number: int) -> str:
    """The name of the model with this number."""
    return f"model_{number:05}"


def _sql(number: int, width: int) -> str:
    if number < width:
        return f"select {number} as id, {number % 7} as kind\n"
    above = number - number % width - width
    parents = [name(above + number % width), name(above + (number + 1) % width)]
    head = "{{ config(materialized='table') }}\n" if number % 10 == 0 else ""
    one, other = (f"{{{{ ref('{parent}') }}}}" for parent in parents)
    return f"{head}select one.id + {number} as id, other.kind\nfrom {one} as one\ncross join {other} as other\n"


def _described(number: int) -> str:
    tests = "        tests:\n          - not_null\n"
    return f"  - name: {name(number)}\n    description: Model {number}.\n    columns:\n      - name: id\n{tests}"
