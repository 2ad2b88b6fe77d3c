"""What a task run leaves becomes what pages show."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.utils import timezone

from catalog import intake, reading, words
from catalog.models import Intake, Invocation, Node, NodeRun, Outcome, Project, Text, Version
from executions import storage
from namespaces.services import secrets
from tests.catalog import manifests
from tests.catalog.conftest import TakeIn
from tests.executions.page_data import execution, step, task_run

pytestmark = pytest.mark.django_db


def visible(project: Project) -> set[str]:
    return {row.name for row in Node.objects.filter(project=project, first__lte=project.version, last=None)}


def test_a_manifest_and_its_results_are_taken_in(left: TakeIn, tmp_path: Path) -> None:
    orders = manifests.model("orders", "source.shop.app.raw", columns={"id": {"name": "id", "description": "The key."}})
    check = manifests.check_of("unique", orders["unique_id"])
    manifest = manifests.write_manifest(tmp_path, orders, check, manifests.source("raw"), manifests.exposure("board", orders["unique_id"]))
    done = {"unique_id": orders["unique_id"], "adapter_response": {"rows_affected": 12}, "compiled_code": "select 1"}
    failed = {"unique_id": check["unique_id"], "status": "fail", "failures": 3, "message": "Got 3 results"}
    project = left(manifest, manifests.write_results(tmp_path, done, failed, target="prod", vars={"day": "2026-01-01"}))

    assert (project.name, project.target, project.adapter, project.version) == ("shop", "prod", "duckdb", 1)
    assert visible(project) == {"orders", "unique_orders_id", "app.raw", "board"}
    outcome = Outcome.objects.get(project=project, unique_id=orders["unique_id"])
    assert (outcome.state, outcome.rows, outcome.seconds) == ("SUCCESS", 12, 1.5)
    assert Text.objects.get(digest=outcome.compiled).text == "select 1"
    assert Outcome.objects.get(unique_id=check["unique_id"]).state == "FAILED"
    assert Node.objects.get(name="board").owner == "Finance"
    assert Node.objects.get(name="orders").relation == "db.main.orders"
    called = Invocation.objects.get(project=project)
    assert (called.command, called.arguments["vars"], called.seconds) == ("build", {"day": "2026-01-01"}, 3.0)


def test_only_what_differs_makes_a_new_version(left: TakeIn, tmp_path: Path) -> None:
    kept, edited, gone = (manifests.model(name) for name in ("kept", "edited", "gone"))
    left(manifests.write_manifest(tmp_path, kept, edited, gone))
    left(manifests.write_manifest(tmp_path, kept, edited, gone, at="2026-11-25T02:00:00Z"))
    assert Version.objects.count() == 1

    changed, new = manifests.model("edited", raw_code="select 2"), manifests.model("new")
    project = left(manifests.write_manifest(tmp_path, kept, changed, new, at="2026-11-25T03:00:00Z"))
    latest = Version.objects.latest("number")
    assert (latest.number, latest.added, latest.changed, latest.removed) == (2, 1, 1, 1)
    assert visible(project) == {"kept", "edited", "new"}
    assert Node.objects.filter(name="kept").count() == 1
    assert sorted(Node.objects.filter(name="edited").values_list("first", "last")) == [(1, 1), (2, None)]


def test_an_older_manifest_that_comes_late_changes_nothing(left: TakeIn, tmp_path: Path) -> None:
    left(manifests.write_manifest(tmp_path, manifests.model("new"), at="2026-11-25T03:00:00Z"))
    project = left(manifests.write_manifest(tmp_path, manifests.model("old"), at="2026-11-25T02:00:00Z"))
    assert visible(project) == {"new"}


def test_what_a_dead_worker_had_begun_is_taken_back(left: TakeIn, tmp_path: Path) -> None:
    project = left(manifests.write_manifest(tmp_path, manifests.model("one")))
    Node.objects.create(project=project, unique_id="model.shop.half", first=2, kind="model", name="half", lower_name="half", digest="x")
    Project.objects.update(busy=timezone.now() - intake.BUSY * 2)
    project = left(manifests.write_manifest(tmp_path, manifests.model("one"), manifests.model("two"), at="2026-11-25T05:00:00Z"))
    assert visible(project) == {"one", "two"}
    assert not Node.objects.filter(name="half").exists()


def test_while_one_worker_is_at_a_project_another_leaves_it_for_later(left: TakeIn, tmp_path: Path) -> None:
    left(manifests.write_manifest(tmp_path, manifests.model("one")))
    Project.objects.update(busy=timezone.now())
    run = task_run(execution(), "dbt")
    uri = storage.task_uri(run.execution, "dbt", run.id, "manifest.json")
    storage.write(uri, manifests.write_manifest(tmp_path, manifests.model("two"), at="2026-11-25T05:00:00Z").read_bytes())
    row = Intake.objects.create(namespace="company.team", execution_id=run.execution_id, task_run_id=run.id, files={"manifest.json": uri})
    intake.take_in(row.id)
    assert Intake.objects.filter(id=row.id).exists()
    Project.objects.update(busy=None)
    intake.take_in(row.id)
    assert not Intake.objects.filter(id=row.id).exists()
    assert visible(Project.objects.get()) == {"two"}


def test_steps_tell_of_nodes_that_the_last_command_did_not_run(left: TakeIn, tmp_path: Path) -> None:
    seed, orders = manifests.model("seed"), manifests.model("orders")
    run = task_run(execution(), "dbt")
    step(run, seed["unique_id"], "SUCCESS", data={"unique_id": seed["unique_id"], "rows_affected": 7, "duration": 0.5, "status": "success"})
    manifest = manifests.write_manifest(tmp_path, seed, orders)
    left(manifest, manifests.write_results(tmp_path, {"unique_id": orders["unique_id"]}), run=run)
    assert dict(NodeRun.objects.values_list("unique_id", "rows")) == {seed["unique_id"]: 7, orders["unique_id"]: None}


def test_compiling_tells_the_sql_and_no_run(left: TakeIn, tmp_path: Path) -> None:
    orders = manifests.model("orders")
    results = manifests.write_results(tmp_path, {"unique_id": orders["unique_id"], "compiled_code": "select 1"}, which="compile")
    left(manifests.write_manifest(tmp_path, orders), results)
    outcome = Outcome.objects.get()
    assert outcome.state == ""
    assert outcome.compiled
    assert not NodeRun.objects.exists()


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'"text"', b"{}", b'{"metadata": 5}', b'{"metadata": {"project_name": 7}}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_artifact_is_let_go(left: TakeIn, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "manifest.json"
    path.write_bytes(content)
    run = task_run(execution(), "dbt")
    uri = storage.task_uri(run.execution, "dbt", run.id, "manifest.json")
    storage.write(uri, content)
    row = Intake.objects.create(namespace="company.team", execution_id=run.execution_id, task_run_id=run.id, files={"manifest.json": uri})
    intake.take_in(row.id)
    assert not Intake.objects.exists()
    assert not Node.objects.exists()


def test_odd_entries_of_a_manifest_are_read_as_far_as_they_make_sense(left: TakeIn, tmp_path: Path) -> None:
    odd = {
        **manifests.model("odd"),
        "columns": ["x"],
        "tags": 7,
        "config": None,
        "depends_on": {"nodes": [1, "model.shop.a"]},
        "description": None,
    }
    project = left(manifests.write_manifest(tmp_path, odd, {**manifests.model("nul"), "description": "a\0b"}))
    assert visible(project) == {"odd", "nul"}
    assert Node.objects.get(name="odd").parents == ["model.shop.a"]
    assert Node.objects.get(name="nul").description == "ab"


def test_reading_goes_member_by_member(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text('{"a": {"k": {"deep": [1, {"x": null}]}, "s": 1}, "skipped": {"k": {}}, "results": [{"r": 1}, 2], "elapsed": 1.5}')
    found = list(reading.items(path, {"a", "results", "elapsed"}))
    assert found == [
        ("a", "k", {"deep": [1, {"x": None}]}),
        ("a", "s", 1),
        ("results", "", {"r": 1}),
        ("results", "", 2),
        ("elapsed", "", 1.5),
    ]


def test_words_are_parted_at_all_but_letters_and_digits() -> None:
    assert words.words_of("stg_shop__Orders", "a-b.c/d", "Größe") == "stg shop orders a b c d größe"


def test_a_command_without_a_target_belongs_to_the_target_whose_tables_it_has(left: TakeIn, tmp_path: Path) -> None:
    def of(database: str, at: str) -> Path:
        return manifests.write_manifest(tmp_path, *(manifests.model(name, database=database) for name in ("a", "b")), at=at)

    for target in ("dev", "prod"):
        left(of(target, "2026-11-25T01:00:00Z"), manifests.write_results(tmp_path, target=target))
    project = left(of("prod", "2026-11-25T02:00:00Z"))
    assert project.target == "prod"
    assert Project.objects.count() == 2


def test_a_target_is_named_as_soon_as_a_command_names_it(left: TakeIn, tmp_path: Path) -> None:
    left(manifests.write_manifest(tmp_path, manifests.model("a")))
    left(manifests.write_manifest(tmp_path, manifests.model("a")), manifests.write_results(tmp_path, target="dev"))
    assert Project.objects.get().target == "dev"


def test_no_secret_of_the_namespace_is_kept(left: TakeIn, tmp_path: Path) -> None:
    """Variables may bring one in, and so into the SQL that dbt compiled and into what it says."""
    secrets.put(user=None, namespace="company", key="TOKEN", value="hush-hush-42")
    orders = manifests.model("orders")
    result = {
        "unique_id": orders["unique_id"],
        "status": "error",
        "compiled_code": "select 'hush-hush-42'",
        "message": "near hush-hush-42",
        "execution_time": 1.0,
    }
    results = manifests.write_results(tmp_path, result, vars={"token": "hush-hush-42"})
    project = left(manifests.write_manifest(tmp_path, orders), results)
    assert [text.text for text in Text.objects.all()] == ["select '********'"]
    assert NodeRun.objects.get().message == "near ********"
    assert Invocation.objects.get(project=project).arguments["vars"] == {"token": "********"}


def test_artifacts_are_taken_in_as_they_were_left(tmp_path: Path) -> None:
    run = task_run(execution(), "dbt")
    made = {}
    for name, files in (
        ("first", (manifests.write_manifest(tmp_path, manifests.model("a")), manifests.write_results(tmp_path, target="dev"))),
        ("second", (manifests.write_manifest(tmp_path, manifests.model("a"), at="2026-11-25T02:00:00Z"),)),
    ):
        uris = {file.name: storage.task_uri(run.execution, "dbt", run.id, f"{name}/{file.name}") for file in files}
        for file in files:
            storage.write(uris[file.name], file.read_bytes())
        made[name] = Intake.objects.create(namespace="company.team", execution_id=run.execution_id, task_run_id=run.id, files=uris)
    intake.take_in(made["second"].id)
    assert not Project.objects.exists(), "it waits for the one before, which says which target it is"
    intake.take_in(made["first"].id)
    intake.take_in(made["second"].id)
    assert [project.target for project in Project.objects.all()] == ["dev"]
    assert not Intake.objects.exists()
