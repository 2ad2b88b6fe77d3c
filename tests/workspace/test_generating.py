"""Files that the editor writes for people, where a model is named, and a model that gets another name."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from django.test import Client
from pytest_django import Settings

from catalog.models import Node, Project
from namespaces import files
from namespaces.files import Place
from namespaces.models import FileVersion, User
from namespaces.services import versions
from namespaces.services.versions import Author
from tests.workspace.conftest import NAMESPACE
from workspace import project_files, renaming

pytestmark = pytest.mark.django_db
AT = f"/workspace/{NAMESPACE}/"
SHOP = {
    "dbt_project.yml": "name: shop\n",
    "models/orders.sql": "select * from {{ source('raw', 'Orders') }}",
    "models/customers.sql": "select 1 as id",
    "models/totals.sql": "select 1 from {{ ref('orders') }} join {{ ref( 'shop', \"orders\" ) }} join {{ ref('orders_old') }}",
    "models/schema.yml": (
        "# kept\nmodels:\n  - name: orders  # this one\n    columns:\n      - name: id\n        description: Mine.\n"
        "        data_tests: [{relationships: {to: ref('orders'), field: id}}]\n  - {name: totals}\n"
        "sources:\n  - name: raw\n    tables:\n      - name: Orders\n        columns: [{name: OrderId}, {name: total}, {name: 2nd col}]\n"
    ),
    "dbt_packages/utils/models/x.sql": "{{ ref('orders') }}",
}


@pytest.fixture(autouse=True)
def shop(settings: Settings, tmp_path: Any) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    for path, content in SHOP.items():
        files.write(NAMESPACE, path, content.encode())
    project = Project.objects.create(namespace=NAMESPACE, name="shop", version=1)
    columns = [{"name": name, "description": "", "type": "int"} for name in ("id", "customer_id", "total")]
    for name in ("orders", "customers"):
        unique_id = f"model.shop.{name}"
        Node.objects.create(project=project, unique_id=unique_id, first=1, kind="model", name=name, package="shop", columns=columns)


@pytest.fixture
def page(ada: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def sent(page: Client, end: str, status: int = 200, **values: Any) -> dict[str, Any]:
    answer = page.post(AT + end, values, content_type="application/json")
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_staging_model_names_the_columns_of_its_table(page: Client) -> None:
    made = sent(page, "generate/staging/", path="dbt_project.yml", source="raw", table="Orders")
    assert made["path"] == "models/staging/raw/stg_raw__orders.sql"
    assert "select * from {{ source('raw', 'Orders') }}" in made["text"]
    assert 'OrderId as order_id,\n        total,\n        "2nd col" as _2nd_col\n' in made["text"]


def test_yaml_of_a_model_keeps_what_people_wrote_and_adds_what_is_missing(page: Client) -> None:
    known = sent(page, "generate/schema/", path="models/orders.sql")
    assert known["path"] == "models/schema.yml"
    assert known["text"].startswith("# kept\n")
    assert "# this one" in known["text"]
    columns = {one["name"]: one for one in yaml.safe_load(known["text"])["models"][0]["columns"]}
    assert columns["id"]["description"] == "Mine."
    relation = {"relationships": {"arguments": {"to": "ref('customers')", "field": "id"}}}
    assert columns["customer_id"] == {"name": "customer_id", "data_type": "int", "description": "", "data_tests": [relation]}
    new = sent(page, "generate/schema/", path="models/customers.sql")
    assert new["path"] == "models/_customers.yml"
    first = yaml.safe_load(new["text"])["models"][0]["columns"][0]
    assert first == {"name": "id", "data_type": "int", "description": "", "data_tests": ["unique", "not_null"]}
    assert sent(page, "generate/schema/", 404, path="dbt_project.yml")["message"]


def test_a_table_is_added_to_its_source_once(page: Client) -> None:
    assert "already" in sent(page, "generate/sources/", 409, path="dbt_project.yml", source="raw", table="Orders")["message"]


def test_a_part_of_a_model_becomes_a_model_beside_it(page: Client) -> None:
    made = sent(page, "generate/model/", path="models/orders.sql", name="part", selection="  (select 1)\n")
    assert made == {"path": "models/part.sql", "text": "select 1\n"}
    for wrong in ({"name": "../x"}, {"name": ""}, {"selection": " "}):
        sent(page, "generate/model/", 422, **{"path": "models/orders.sql", "name": "part", "selection": "select 1", **wrong})
    sent(page, "generate/anything/", 404, path="models/orders.sql")


def test_references_are_found_where_they_stand(page: Client) -> None:
    found = sent(page, "dbt/references/", path="models/orders.sql", name="orders")["references"]
    assert [(one["path"], one["line"], one["column"]) for one in found] == [
        ("models/schema.yml", 7, 48), ("models/totals.sql", 1, 23), ("models/totals.sql", 1, 57),
    ]  # fmt: skip


def test_a_model_gets_another_name_everywhere_once_that_is_wanted(page: Client) -> None:
    shown = sent(page, "dbt/rename/", path="models/orders.sql", name="purchases")
    assert (shown["applied"], [one["path"] for one in shown["changes"]]) == (
        False, ["models/orders.sql", "models/schema.yml", "models/totals.sql"],
    )  # fmt: skip
    assert files.exists(NAMESPACE, "models/orders.sql")
    sent(page, "dbt/rename/", path="models/orders.sql", name="purchases", apply=True)
    assert not files.exists(NAMESPACE, "models/orders.sql")
    assert files.read(NAMESPACE, "models/purchases.sql").decode() == SHOP["models/orders.sql"]
    totals = SHOP["models/totals.sql"].replace("'orders'", "'purchases'").replace('"orders"', '"purchases"')
    assert files.read(NAMESPACE, "models/totals.sql").decode() == totals
    schema = SHOP["models/schema.yml"].replace("name: orders  #", "name: purchases  #").replace("ref('orders')", "ref('purchases')")
    assert files.read(NAMESPACE, "models/schema.yml").decode() == schema
    assert FileVersion.objects.filter(path="models/totals.sql").exists()
    assert "already" in sent(page, "dbt/rename/", 409, path="models/totals.sql", name="customers")["message"]
    for wrong in ("totals", "a b", "../x", ""):
        sent(page, "dbt/rename/", 422, path="models/totals.sql", name=wrong)
    sent(page, "dbt/rename/", 422, path="dbt_project.yml", name="other")
    sent(page, "dbt/rename/", 404, path="models/gone.sql", name="other")


def test_a_model_is_renamed_everywhere_or_nowhere(page: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    project = project_files.find(Place(NAMESPACE), "models/orders.sql")
    before = {path: files.read(NAMESPACE, path) for path in SHOP}
    real = renaming.changes

    def overtaken(*arguments: Any) -> list[renaming.Change]:
        found = real(*arguments)
        files.write(NAMESPACE, "models/totals.sql", b"select 1\n")  # somebody saves between
        return found

    with monkeypatch.context() as patch:
        patch.setattr(renaming, "changes", overtaken)
        with pytest.raises(versions.Changed):
            renaming.apply(project, "models/orders.sql", "purchases", author=Author(ada))
    assert {path: files.read(NAMESPACE, path) for path in SHOP} == {**before, "models/totals.sql": b"select 1\n"}
    files.write(NAMESPACE, "models/totals.sql", before["models/totals.sql"])

    def full(*_: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "move", full)
        with pytest.raises(OSError, match="No space"):
            renaming.apply(project, "models/orders.sql", "purchases", author=Author(ada))
    assert {path: files.read(NAMESPACE, path) for path in SHOP} == before
    assert not files.exists(NAMESPACE, "models/purchases.sql")
