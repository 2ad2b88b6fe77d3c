"""Connections of a namespace: who writes them, what is never shown, and what their test says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone

from engine.execution import Execution
from executions import connection_tests, ports, store
from executions.world import Masks
from namespaces.models import Connection, User
from namespaces.services import connections
from plugins.contract import TaskFailed
from tests import builders
from tests.executions import page_data
from ui.errors import Conflict, Forbidden, Invalid, Missing

NS = "company.team"
HIDDEN = "hush-hush-42"
FORM = {"adapter": "postgres", "name": "prod", "field_host": "db", "field_port": "5432", "field_user": "dbt", "field_dbname": "shop"}
FORM |= {"field_schema": "marts", "field_sslmode": "require", "field_password": HIDDEN, "more": "threads: 8", "is_default": "on"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people(NS)


@pytest.fixture
def owner(people: dict[str, User]) -> Client:
    client = Client()
    client.force_login(people["owner"])
    return client


def put(name: str = "prod", namespace: str = NS, **more: object) -> Connection:
    given = {"adapter": "duckdb", "fields": {"path": "a.duckdb"}, "secrets": {}, **more}
    return connections.put(user=None, namespace=namespace, name=name, **given)  # type: ignore[arg-type]


def test_a_connection_is_written_and_its_secret_never_shown(owner: Client) -> None:
    answer = owner.post(f"/namespaces/{NS}/connections/put/", FORM, follow=True)
    assert "prod is saved" in answer.content.decode()
    row = Connection.objects.get()
    assert row.fields == {
        "host": "db",
        "port": "5432",
        "user": "dbt",
        "dbname": "shop",
        "schema": "marts",
        "sslmode": "require",
        "threads": 8,
    }
    assert connections.secret_fields(row) == {"password": HIDDEN}
    assert HIDDEN.encode() not in bytes(row.ciphertext)
    for address in ("", "edit/prod/"):
        page = owner.get(f"/namespaces/{NS}/connections/{address}").content.decode()
        assert "prod" in page
        assert HIDDEN not in page


def test_an_empty_secret_field_keeps_what_is_stored(owner: Client) -> None:
    owner.post(f"/namespaces/{NS}/connections/put/", FORM)
    owner.post(f"/namespaces/{NS}/connections/put/", {**FORM, "was": "prod", "field_password": "", "field_host": "other"})
    row = Connection.objects.get()
    assert row.fields["host"] == "other"
    assert connections.secret_fields(row) == {"password": HIDDEN}
    owner.post(f"/namespaces/{NS}/connections/put/", {"was": "prod", "adapter": "duckdb", "field_path": "b.duckdb"})
    row.refresh_from_db()
    assert row.adapter == "duckdb"
    assert connections.secret_fields(row) == {}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "a b"}, "A name has letters"),
        ({"field_host": ""}, "This field is required"),
        ({"more": "- a"}, "Expected names and values"),
        ({"more": "{"}, "This is not YAML"),
        ({"more": "password: x"}, "has a field of its own"),
        ({"more": "type: x"}, "has a field of its own"),
    ],
)
def test_what_cannot_be_saved_is_told_beside_its_field(owner: Client, changes: dict[str, str], says: str) -> None:
    answer = owner.post(f"/namespaces/{NS}/connections/put/", {**FORM, **changes})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert says in page
    assert HIDDEN not in page
    assert not Connection.objects.exists()


def test_the_form_has_the_fields_of_the_adapter(owner: Client) -> None:
    page = owner.get(f"/namespaces/{NS}/connections/new/?adapter=snowflake&name=wh").content.decode()
    assert "Private key" in page
    assert 'value="wh"' in page
    assert owner.get(f"/namespaces/{NS}/connections/new/?adapter=abacus").status_code == 422


def test_the_nearest_one_counts(people: dict[str, User]) -> None:
    put("prod", "company", is_default=True)
    put("dev", "company")
    assert connections.find(NS, None) == Connection.objects.get(namespace="company", name="prod")
    own = put("prod", protected=True)
    assert connections.find(NS, "prod") == own
    assert [row.name for row in connections.of_namespace(NS)] == ["prod", "dev"]
    assert connections.find(NS, "none") is None
    put("mine", is_default=True)
    put("other", is_default=True)
    assert [row.name for row in Connection.objects.filter(namespace=NS, is_default=True)] == ["other"]


def test_only_owners_write_them(people: dict[str, User]) -> None:
    given = {"namespace": NS, "adapter": "duckdb", "fields": {}, "secrets": {}}
    with pytest.raises(Forbidden):
        connections.put(user=people["member"], name="x", **given)  # type: ignore[arg-type]
    with pytest.raises(Missing):
        connections.put(user=people["stranger"], name="x", **given)  # type: ignore[arg-type]
    connections.put(user=people["owner"], name="x", **given)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        connections.put(user=people["owner"], name="x", must_be_new=True, **given)  # type: ignore[arg-type]
    with pytest.raises(Invalid):
        connections.put(user=people["owner"], name="", **given)  # type: ignore[arg-type]


def test_a_task_of_another_namespace_may_not_read_them(people: dict[str, User]) -> None:
    put("prod", "other.place", secrets={"motherduck_token": HIDDEN})
    masks = Masks()
    execution = page_data.execution(created_by=people["member"])
    reading = ports.People(execution_of(execution.id))
    with pytest.raises(TaskFailed, match="not allowed"):
        ports.Connections("other.place", reading, masks).get("prod")
    put("own", secrets={"motherduck_token": HIDDEN})
    found = ports.Connections(NS, reading, masks).get("own")
    assert found is not None
    assert found.fields["motherduck_token"] == HIDDEN
    assert masks.text(f"token {HIDDEN}") == "token ********"


def execution_of(execution_id: str) -> Execution:
    loaded = store.load(execution_id)
    assert loaded is not None
    return loaded.execution


@pytest.mark.parametrize(("trigger", "schema"), [(None, "dbt_ada_l"), ({"id": "nightly", "type": "schedule", "variables": {}}, "")])
def test_who_starts_by_hand_has_a_schema(trigger: dict[str, object] | None, schema: str) -> None:
    person = User.objects.create(email="Ada.L@example.com", name="Ada")
    put("dev", personal=True)
    started = execution_of(page_data.execution(created_by=person).id)
    found = ports.Connections(NS, ports.People(replace(started, trigger=trigger)), Masks()).get("dev")
    assert found is not None
    assert found.schema == schema


@pytest.mark.dbt
def test_a_test_says_whether_it_works(tmp_path: Path) -> None:
    for path, outcome in ((tmp_path / "a.duckdb", "ok"), (tmp_path / "none" / "a.duckdb", "failed")):
        row = put("local", fields={"path": str(path)})
        connection_tests.ask(row)
        connection_tests.run(row.pk)
        row.refresh_from_db()
        assert row.test == outcome, row.test_log
        assert "Connection test" in row.test_log


def test_a_test_that_was_lost_has_failed(owner: Client) -> None:
    row = put()
    Connection.objects.update(test=Connection.Test.RUNNING, tested=timezone.now() - 2 * connection_tests.LONGEST)
    row.refresh_from_db()
    assert connection_tests.state(row) == Connection.Test.FAILED
    assert 'data-state="FAILED"' in owner.get(f"/namespaces/{NS}/connections/prod/tested/").content.decode()
