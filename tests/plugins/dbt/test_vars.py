"""Which variables nodes use, and when these are others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from plugins.dbt._artifacts import Artifact
from plugins.dbt._command import invocations
from plugins.dbt._vars import of_call

MANIFEST: dict[str, Any] = {
    "nodes": {
        "model.shop.own": {"raw_code": "select {{ var('least') }}, {{ var(\"most\", 9) }}", "package_name": "shop"},
        "model.shop.by_macro": {"raw_code": "{{ outer() }}", "package_name": "shop", "depends_on": {"macros": ["macro.shop.outer"]}},
        "model.shop.configured": {"raw_code": "", "unrendered_config": {"enabled": "{{ var('on') }}"}, "package_name": "shop"},
        "model.other.own": {"raw_code": "{{ var('least') }}", "package_name": "other"},
        "model.shop.none": {"raw_code": "select 1", "package_name": "shop"},
    },
    "macros": {
        "macro.shop.outer": {"macro_sql": "{{ inner() }}", "depends_on": {"macros": ["macro.shop.inner", "macro.shop.outer"]}},
        "macro.shop.inner": {"macro_sql": "{{ var('day') }}", "depends_on": {"macros": ["macro.shop.outer"]}},
    },
}


def of(folder: Path, node: str, *commands: str) -> dict[str, str]:
    return of_call(Artifact(folder / "manifest.json", json.dumps(MANIFEST).encode()), folder, folder, invocations(commands)).of(node)


def test_names_come_from_sql_macros_and_configuration(tmp_path: Path) -> None:
    assert list(of(tmp_path, "model.shop.own")) == ["least", "most"]
    assert list(of(tmp_path, "model.shop.by_macro")) == ["day"]
    assert list(of(tmp_path, "model.shop.configured")) == ["on"]
    assert of(tmp_path, "model.shop.none") == of(tmp_path, "model.shop.unknown") == {}


def test_a_value_of_the_command_wins_over_that_of_the_package_and_the_project(tmp_path: Path) -> None:
    plain = of(tmp_path, "model.other.own")
    (tmp_path / "dbt_project.yml").write_text("vars: {least: 1}")
    written = of(tmp_path, "model.other.own")
    (tmp_path / "dbt_project.yml").write_text("vars: {least: 1, other: {least: 2}}")
    own = of(tmp_path, "model.other.own")
    assert of(tmp_path, "model.shop.own")["least"] == written["least"]
    given = of(tmp_path, "model.other.own", "dbt build --vars 'least: 3'")
    assert of(tmp_path, "model.other.own", 'dbt run --vars=\'{"least": 3}\'') == given
    assert len({plain["least"], written["least"], own["least"], given["least"]}) == 4


def test_what_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "dbt_project.yml").write_text("vars: [: {")
    assert of(tmp_path, "model.shop.own", "dbt build --vars '{'", "dbt build --vars") == of(tmp_path / "nowhere", "model.shop.own")
