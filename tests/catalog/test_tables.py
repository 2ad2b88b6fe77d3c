"""Which tables are made of which, by what a manifest says of its nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from catalog.graph import graph
from catalog.models import Node, NodeRun, Outcome, Project
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn

pytestmark = pytest.mark.django_db
RAW, STAGED, JOINED, MART = "source.shop.app.raw", "model.shop.staged", "model.shop.joined", "model.shop.mart"


def made(project: Project) -> dict[str, set[str]]:
    """The tables that each table is made of; a source is made elsewhere."""
    found = graph(project)
    relations = {name: member.relation for name, member in found.members.items()}
    makers = [name for name, member in found.members.items() if member.kind != "source" and member.relation]
    return {relations[name]: {relations[parent] for parent in found.parents[name] if relations[parent]} for name in makers}


def test_a_model_is_made_of_the_models_that_it_reads(left: TakeIn, tmp_path: Path) -> None:
    staged = manifests.model("staged", database="lake", schema="staging")
    mart = manifests.model("mart", STAGED, database="lake", schema="marts", alias="Final")
    project = left(manifests.write_manifest(tmp_path, staged, mart))
    assert made(project) == {"lake.staging.staged": set(), "lake.marts.final": {"lake.staging.staged"}}
    assert (project.adapter, Node.objects.get(unique_id=STAGED).name) == ("duckdb", "staged")


@pytest.mark.parametrize("spaces", [None, 2])
def test_the_map_of_parents_comes_before_what_a_node_says(spaces: int | None, left: TakeIn, tmp_path: Path) -> None:
    models = [manifests.model("staged", RAW), manifests.model("joined", STAGED), manifests.model("mart", STAGED, JOINED)]
    says: dict[str, Any] = {STAGED: [RAW], JOINED: [STAGED], MART: [JOINED]}
    path = manifests.write_manifest(tmp_path, *models, manifests.check_of("unique", MART), parent_map=says, child_map={})
    if spaces:
        path.write_text(json.dumps(json.loads(path.read_text()), indent=spaces))
    project = left(path)
    assert made(project) == {"db.main.staged": set(), "db.main.joined": {"db.main.staged"}, "db.main.mart": {"db.main.joined"}}


@pytest.mark.parametrize("says", [{}, [], None, 7, "text", {MART: None}, {MART: STAGED}, {"model.shop.other": []}])
def test_without_such_a_map_a_node_is_asked(says: Any, left: TakeIn, tmp_path: Path) -> None:
    mart = manifests.model("mart", STAGED, raw_code='{# "parent_map": {"model.shop.mart": []} #}')
    mart["depends_on"] |= {"nodes_with_ref_location": [[STAGED, {"file": "models/mart.sql", "line": 3}]], "later": {"a": [1]}}
    project = left(manifests.write_manifest(tmp_path, manifests.model("staged"), mart, parent_map=says))
    assert made(project)["db.main.mart"] == {"db.main.staged"}


def test_a_map_in_another_order_changes_nothing(left: TakeIn, tmp_path: Path) -> None:
    models = [manifests.model("staged"), manifests.model("joined"), manifests.model("mart", STAGED, JOINED)]
    left(manifests.write_manifest(tmp_path, *models))
    project = left(manifests.write_manifest(tmp_path, *models, at="2026-11-25T02:00:00Z", parent_map={MART: [JOINED, STAGED]}))
    assert project.version == 1


def test_a_source_is_read_by_its_identifier_and_never_made(left: TakeIn, tmp_path: Path) -> None:
    raw = {**manifests.source("raw"), "identifier": "raw_2026"}
    manifest = manifests.write_manifest(tmp_path, raw, manifests.model("staged", RAW))
    checked = {"unique_id": RAW, "status": "pass"}
    project = left(manifest, manifests.write_results(tmp_path, checked, {"unique_id": STAGED}))
    assert made(project) == {"db.main.staged": {"db.raw.raw_2026"}}
    assert graph(project).parents[RAW] == ()
    assert set(Outcome.objects.values_list("unique_id", flat=True)) == {RAW, STAGED}
    assert set(NodeRun.objects.values_list("unique_id", flat=True)) == {RAW, STAGED}


def test_a_node_of_no_known_kind_is_left_out(left: TakeIn, tmp_path: Path) -> None:
    bad = manifests.model("bad", STAGED)
    del bad["resource_type"]
    odd = {**manifests.model("odd"), "resource_type": 7}
    project = left(manifests.write_manifest(tmp_path, manifests.model("staged"), bad, odd, manifests.model("mart", "model.shop.bad")))
    assert made(project) == {"db.main.staged": set(), "db.main.mart": set()}
    assert set(graph(project).members) == {STAGED, MART}
