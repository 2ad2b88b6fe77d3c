"""Unsaved text compiled and shown by the real dbt with DuckDB, on the files of a namespace that stay as they are."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections as database
from django.test import Client
from pytest_django import Settings

from executions.models import Execution
from namespaces import files
from namespaces.models import User
from namespaces.services import connections
from plugins.contract import Settings as RunSettings
from plugins.dbt import _database, _hosts
from tests import builders
from tests.executions.flows import work_off
from tests.plugins.context import MemoryContext
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from workspace import answering, worktrees
from workspace.models import Question

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]
AT = f"/workspace/{NAMESPACE}/dbt/"
PROJECT = "name: shop\nprofile: shop\nversion: '1.0'\nconfig-version: 2\n"
ORDERS = "select i as id, i % 3 as kind, date '2026-01-01' + i::int as day, null as nothing from range(1000) t(i)\n"
SLOW = "select count(*) as n from range(300000000) a, range(1000000) b"
TEXTS = {
    "dbt_project.yml": PROJECT,
    "models/orders.sql": ORDERS,
    "models/kinds.sql": "select kind, count(*) as n from {{ ref('orders') }} group by 1",
    "macros/which.sql": "{% macro inner() %}{{ return(model.name) }}{% endmacro %}{% macro which() %}{{ inner() }}{% endmacro %}",
    "macros/cents.sql": "{% macro cents(column) %}({{ column }} * 100){% endmacro %}",
}


@pytest.fixture(autouse=True, scope="module")
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


@pytest.fixture
def warehouse(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE, settings.KESTRA_HOME = tmp_path / "storage", tmp_path / "home"
    for path, content in TEXTS.items():
        files.write(NAMESPACE, path, content.encode())
    return tmp_path / "warehouse.duckdb"


@pytest.fixture
def page(ada: User, warehouse: Path) -> Client:
    path = str(warehouse)
    fields = {"path": path, "schema": "main"}
    connections.put(user=None, namespace=NAMESPACE, name="db", adapter="duckdb", fields=fields, secrets={}, is_default=True)
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def asked(page: Client, kind: str, path: str, text: str, **more: Any) -> dict[str, Any]:
    """What is answered to a question when a worker takes it."""
    if kind != "preview":
        found: list[Any] = []
        asking = threading.Thread(target=lambda: found.append(_posted(page, kind, path, text, more)))
        asking.start()
        _answer()
        asking.join()
        return dict(found[0].json())
    made = _posted(page, kind, path, text, more)
    assert made.status_code == 200, made.content
    answering.run(made.json()["id"])
    return dict(page.get(f"{AT}preview/{made.json()['id']}/").json())


def _posted(page: Client, kind: str, path: str, text: str, more: dict[str, Any]) -> Any:
    try:
        at = AT.removesuffix("dbt/") if kind in ("format", "lint") else AT
        return page.post(f"{at}{kind}/", {"path": path, "text": text, **more}, content_type="application/json")
    finally:
        database.close_all()


def _answer() -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        waiting = Question.objects.filter(state=Question.State.WAITING).first()
        if waiting is not None:
            answering.run(waiting.pk)
            return
        time.sleep(0.02)
    raise AssertionError("nothing was asked")


def test_unsaved_text_is_compiled_and_what_is_wrong_is_told_where_it_is(page: Client) -> None:
    good = asked(page, "compile", "models/kinds.sql", "select {{ cents('kind') }} from {{ ref('orders') }}")
    assert "(kind * 100)" in good.get("sql", ""), good
    assert "orders" in good["sql"]
    assert files.read(NAMESPACE, "models/kinds.sql").decode() == TEXTS["models/kinds.sql"]
    unknown = asked(page, "compile", "models/kinds.sql", "select 1\nfrom {{ ref('ordrs') }}")
    assert [(one["line"], one["column"]) for one in unknown["problems"]] == [(2, 14)], unknown
    broken = asked(page, "compile", "models/kinds.sql", "select 1,\n2,\n{{ cents( }}")
    assert broken["problems"][0]["line"] == 3, broken
    undefined = asked(page, "compile", "models/kinds.sql", "select\n  {{ cent('kind') }}")
    assert (undefined["problems"][0]["line"], undefined["problems"][0]["column"]) == (2, 6), undefined
    own = asked(page, "compile", "models/kinds.sql", "select '{{ this.name }}' as a, '{{ which() }}' as b")
    assert "'kinds' as a, 'kinds' as b" in own.get("sql", ""), own
    new = asked(page, "compile", "models/new/other.sql", "select * from {{ ref('kinds') }}")
    assert "kinds" in new["sql"], new
    gone = asked(page, "compile", "models/orders.sql", "select * from {{ ref('other') }}")
    assert "other" in gone["problems"][0]["message"], gone


def test_the_first_rows_of_unsaved_text_are_shown_with_what_they_are(page: Client, warehouse: Path) -> None:
    shown = asked(page, "preview", "models/orders.sql", ORDERS, limit=6)
    assert shown["state"] == "done", shown
    assert shown["columns"] == [
        {"name": name, "type": kind} for name, kind in (("id", "number"), ("kind", "number"), ("day", "date"), ("nothing", ""))
    ]
    assert shown["rows"][1] == [1, 1, "2026-01-02", None]
    assert len(shown["rows"]) == 6
    assert shown["profile"]["kind"] == {"nulls": 0.0, "distinct": 3, "min": 0, "max": 2}
    assert shown["profile"]["nothing"] == {"nulls": 100.0, "distinct": 0, "min": None, "max": None}
    assert list((warehouse.parent / "home" / "workspaces").glob("*/index"))
    assert not list((warehouse.parent / "home" / "workspaces").rglob("profiles.yml")), "how to connect is kept for others to read"
    part = asked(page, "preview", "models/orders.sql", ORDERS, selection="select 1 as one union all select 2 order by 1")
    assert part["rows"] == [[1], [2]], part
    wrong = asked(page, "preview", "models/orders.sql", "select id,\n  nope\nfrom (select 1 as id)")
    assert (wrong["state"], wrong["problem"]["line"], wrong["problem"]["column"]) == ("failed", 2, 3), wrong


def test_a_preview_writes_nothing(page: Client, warehouse: Path) -> None:
    made = asked(page, "preview", "models/orders.sql", ORDERS)
    assert made["state"] == "done", made
    assert warehouse.is_file()
    writes = "{% do run_query('create table stolen as select 1') %}select 1 as one"
    refused = asked(page, "preview", "models/orders.sql", writes)
    assert (refused["state"], "read-only" in refused["problem"]["message"]) == ("failed", True), refused
    stolen = warehouse.with_name("stolen.csv")
    for harm in (f"copy (select 1) to '{stolen}'", f"attach '{stolen}' as other", "delete from orders", "install httpfs"):
        several = asked(page, "preview", "models/orders.sql", f"select 1 as a) as b; {harm}; select * from (select 1 as a")
        assert several["state"] == "failed", several
    assert not stolen.exists()


def test_a_preview_says_who_writes_the_database(page: Client, warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "DATABASE_SECONDS", 1)
    context = MemoryContext(tmp_path / "other", RunSettings(home=warehouse.parent / "home"), None)  # type: ignore[arg-type]
    with _database.held(context, [warehouse.resolve()], 1):
        shown = asked(page, "preview", "models/orders.sql", ORDERS)
    assert "was not free" in shown["problem"]["message"], shown
    assert asked(page, "preview", "models/orders.sql", ORDERS)["state"] == "done"


def test_a_preview_that_nobody_wants_any_more_ends_at_once(page: Client) -> None:
    made = _posted(page, "preview", "models/orders.sql", SLOW, {}).json()
    worker = threading.Thread(target=answering.run, args=(made["id"],))
    worker.start()
    until = time.monotonic() + 60
    while not _dbt_runs():
        assert time.monotonic() < until, "no command of dbt was begun"
        time.sleep(0.1)
    time.sleep(1.0)
    assert page.delete(f"{AT}preview/{made['id']}/").json() == {"state": "cancelled"}
    worker.join(timeout=20)
    assert not worker.is_alive()
    assert page.get(f"{AT}preview/{made['id']}/").json() == {"state": "cancelled"}


def _dbt_runs() -> bool:
    """Whether a command of dbt shows something now."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"show" in path.read_bytes().split(b"\0"):
                return True
    return False


def test_a_question_belongs_to_whoever_asked_it_and_a_newer_one_takes_its_place(page: Client, bob: User) -> None:
    first = _posted(page, "preview", "models/orders.sql", ORDERS, {}).json()["id"]
    second = _posted(page, "preview", "models/orders.sql", ORDERS, {}).json()["id"]
    states = dict(Question.objects.values_list("id", "state"))
    assert (states[first], states[second]) == ("cancelled", "waiting")
    answering.run(first)
    assert Question.objects.get(id=first).state == "cancelled"
    other = Client(headers={"Accept": "application/json"})
    other.force_login(bob)
    assert other.get(f"{AT}preview/{second}/").status_code == 404
    assert other.delete(f"{AT}preview/{second}/").status_code == 404
    stranger = Client(headers={"Accept": "application/json"})
    stranger.force_login(builders.person("eve"))
    assert _posted(stranger, "preview", "models/orders.sql", ORDERS, {}).status_code == 404


def test_the_target_that_a_person_chose_is_used(page: Client, tmp_path: Path) -> None:
    output = "{{type: duckdb, path: '{}'}}"
    text = f"shop:\n  target: one\n  outputs:\n    one: {output.format(':memory:')}\n    two: {output.format(':memory:')}\n"
    files.write(NAMESPACE, "profiles.yml", text.encode())
    which = "select '{{ target.name }}' as name"
    assert asked(page, "preview", "models/orders.sql", which)["rows"] == [["one"]]
    chosen = page.post(f"{AT}target/", {"target": "two"}, content_type="application/json")
    assert chosen.json()["target"] == page.get(f"{AT}target/").json()["target"] == "two"
    assert asked(page, "preview", "models/orders.sql", which)["rows"] == [["two"]]
    page.post(f"{AT}target/", {"target": "none such"}, content_type="application/json")
    missing = asked(page, "preview", "models/orders.sql", which)
    assert "none such" in missing["problem"]["message"], missing


def ran(page: Client, query: str = "", **values: str) -> Execution:
    """The execution that a button starts, at its end."""
    started = page.post(f"{AT}run/{query}", values, content_type="application/json")
    assert started.status_code == 200, started.content
    execution = Execution.objects.get(id=started.json()["execution"]["id"])
    assert started.json()["execution"]["url"].endswith(f"{execution.id}/")
    work_off(execution)
    execution.refresh_from_db()
    return execution


def names(execution: Execution) -> list[str]:
    steps = execution.steps.exclude(kind__in=("command", "batch")).values_list("name", flat=True)
    return sorted(name.rpartition(".")[2] for name in steps)


def test_a_file_is_run_with_what_depends_on_it(page: Client, tmp_path: Path) -> None:
    one = ran(page, verb="build", path="models/orders.sql", reach="this+")
    assert (one.state, names(one)) == ("SUCCESS", ["kinds", "orders"]), list(one.log_lines.values_list("message", flat=True))
    other = ran(page, verb="run", path="models/kinds.sql", reach="this")
    assert (names(other), other.flow_revision) == (["kinds"], one.flow_revision)
    before = ran(page, verb="run", path="models/kinds.sql", reach="+this")
    assert names(before) == ["kinds", "orders"]
    for wrong in ({"verb": "drop"}, {"reach": "all"}, {"path": "../x"}):
        values = {"verb": "run", "path": "models/kinds.sql", "reach": "this", **wrong}
        assert page.post(f"{AT}run/", values, content_type="application/json").status_code == 422


def test_what_changed_since_the_last_full_build_is_run_with_what_depends_on_it(page: Client) -> None:
    assert names(ran(page, verb="build", path="models/kinds.sql", reach="changed+")) == ["kinds", "orders"], "nothing to compare with yet"
    files.write(NAMESPACE, "models/kinds.sql", b"select kind from {{ ref('orders') }}")
    assert names(ran(page, verb="build", path="models/orders.sql", reach="changed+")) == ["kinds"]
    files.write(NAMESPACE, "models/orders.sql", f"-- anew\n{ORDERS}".encode())
    assert names(ran(page, verb="build", path="models/orders.sql", reach="changed+")) == ["kinds", "orders"]


def test_what_a_person_changed_on_their_branch_is_run_without_being_committed(bound: Remote, page: Client, ada: User) -> None:
    worktree = worktrees.find(user=ada, namespace=NAMESPACE, branch="main")
    profiles = "shop: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n"
    for path, content in (("dbt_project.yml", PROJECT), ("profiles.yml", profiles), ("models/mine.sql", "select 1 as id")):
        files.write(worktree.place, path, content.encode())
    mine = ran(page, "?branch=main", verb="run", path="models/mine.sql", reach="this")
    assert (mine.state, names(mine)) == ("SUCCESS", ["mine"])
    assert mine.notes["source"]["changed"] is True
    typed = {"path": "models/mine.sql", "text": "select 7 as seven"}
    shown = page.post(f"{AT}preview/?branch=main", typed, content_type="application/json")
    answering.run(shown.json()["id"])
    assert page.get(f"{AT}preview/{shown.json()['id']}/").json()["rows"] == [[7]]


def test_unsaved_text_is_formatted_and_linted(page: Client) -> None:
    typed = "SELECT kind, {{cents( 'kind'  )}} from {{ref('orders')}}\n"
    assert asked(page, "format", "models/kinds.sql", typed)["text"] == 'select kind, {{ cents("kind") }} from {{ ref("orders") }}\n'
    files.write(NAMESPACE, ".sqlfluff", b"[sqlfluff]\nrules = CP01, JJ01\n")
    found = asked(page, "lint", "models/kinds.sql", typed)["problems"]
    assert [(one["line"], one["column"], one["code"]) for one in found] == [(1, 14, "JJ01"), (1, 35, "CP01"), (1, 40, "JJ01")], found
    broken = asked(page, "lint", "models/kinds.sql", "select (1 from x")["problems"]
    assert [one["severity"] for one in broken if one["code"] == "PRS"] == ["error"], broken
