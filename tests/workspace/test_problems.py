"""What is wrong with an unsaved text, found while somebody types: at its line, without dbt."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from catalog.models import Node, Outcome, Project
from namespaces import files
from namespaces.models import User
from tests.workspace.conftest import NAMESPACE
from workspace import templates

pytestmark = pytest.mark.django_db
AT = f"/workspace/{NAMESPACE}/dbt/problems/"
SHOP = {
    "dbt_project.yml": "name: shop\nvars: {since: 1}\n",
    "models/orders.sql": "select 1 as id",
    "models/stores.sql": "select 1 as id",
    "models/dim_v2.sql": "select 1 as id",
    "models/schema.yml": "models: [{name: dim, versions: [{v: 2}]}]\nsources: [{name: raw, tables: [{name: payments}]}]\n",
}


@pytest.fixture(autouse=True)
def shop(settings: Settings, tmp_path: Any) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"
    for path, content in SHOP.items():
        files.write(NAMESPACE, path, content.encode())
    project = Project.objects.create(namespace=NAMESPACE, name="shop", version=1, adapter="duckdb")
    Node.objects.create(project=project, unique_id="model.shop.orders", first=1, kind="model", name="orders", package="shop")
    Outcome.objects.create(project=project, unique_id="model.shop.orders", types={"id": "int", "amount": "int"})


@pytest.fixture
def page(ada: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def found(page: Client, text: str, path: str = "models/new.sql") -> list[tuple[int, int, str, str]]:
    answer = page.post(AT, {"path": path, "text": text}, content_type="application/json")
    assert answer.status_code == 200, answer.content
    return [(one["line"], one["column"], one["severity"], one["message"]) for one in answer.json()["problems"]]


@pytest.mark.parametrize(
    "text",
    [
        "select * from {{ ref('orders') }}",
        "select * from {{ ref('dim', v=2) }} cross join {{ source('raw', 'payments') }}",
        "{{ config(materialized='table') }}\n{% do log('x') %}select {{ var('since') }}, {{ var('other', 1) }}",
        "{% set name = 'anything' %}select * from {{ ref(name) }}",
        "{% snapshot a %}select 1 {% endsnapshot %}{% test x(model, column_name) %}select 1{% endtest %}",
        "{% materialization m, adapter='duckdb' %}{% endmaterialization %}{% docs a %}x{% enddocs %}",
        "{% raw %}{{ ref('nope') }}{% endraw %} {# {{ ref('nope') }} #}",
        "select o.id, o.amount from {{ ref('orders') }} o",
        "select o.anything from {{ ref('stores') }} as o",
        "select o.x from {{ ref('orders') }} o join (select 1 as x) o on true",
        "select o.x from (select 1 as x) as o, {{ ref('orders') }}",
        "select 'o.nope' -- o.nope\nfrom {{ ref('orders') }} o /* o.nope */",
    ],
)
def test_what_is_right_is_left_alone(page: Client, text: str) -> None:
    assert found(page, text) == []


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("select 1\nfrom {{ ref('ordrs') }}", 2, 14, "did you mean orders?"),
        ("select {{ ref('orders') }}, {{ ref('nope') }}", 1, 37, "no model, seed or snapshot nope"),
        ("select {{ source('raw', 'payment') }}", 1, 19, "did you mean payments?"),
        ("select {{ source('row', 'payments') }}", 1, 19, "There is no source row"),
        ("select {{ var('sinse') }}", 1, 16, "did you mean since?"),
        ("select 1\n{% if x %}\n", 2, 1, "end"),
        ("a\nb\n{{ 1 + }}", 3, 1, "xpected"),
        ("{{ ref('orders') }", 1, 1, "'}'"),
        ("select o.id,\n  o.amuont from {{ ref('orders') }} as o", 2, 5, "did you mean amount?"),
        ("with orders as (select * from {{ ref('orders') }})\nselect orders.id from orders where orders.nope = 1", 2, 43, "no column nope"),
        ("with one as (select * from {{ ref('orders') }})\nselect o.nope from one as o", 2, 10, "no column nope"),
    ],
)
def test_what_is_wrong_is_told_where_it_stands(page: Client, text: str, line: int, column: int, words: str) -> None:
    problems = found(page, text)
    assert [one[:2] for one in problems] == [(line, column)], problems
    assert words in problems[0][3]


def test_yaml_is_held_against_the_schemas_of_dbt(page: Client) -> None:
    right = (
        "version: 2\nmodels:\n  - name: a\n    config: {materialized: table, tags: [x]}\n    columns:\n"
        "      - name: id\n        data_tests: [unique, not_null, {accepted_values: {values: [1]}}]\n"
        "sources:\n  - name: raw\n    schema: \"{{ target.schema }}\"\n    tables: [{name: a, columns: [{name: id}]}]\n"
    )
    assert found(page, right, "models/a.yml") == []
    wrong = "models:\n  - name: a\n    columns:\n      - name: id\n        descripton: x\n  - name: [1]\n"
    problems = found(page, wrong, "models/a.yml")
    assert [one[0] for one in problems] == [5, 6], problems
    assert "did you mean description?" in problems[0][3]
    assert found(page, "name: shop\nmodel-path: [models]\n", "dbt_project.yml")[0][0] == 2
    assert found(page, "a: [1\nb: 2", "models/a.yml")[0][2] == "error"
    assert found(page, "a: 1\na: 2", "models/a.yml")[0][0] == 2
    assert found(page, "anything: at all", "elsewhere.yml") == []


def test_a_flow_is_held_against_ours(page: Client) -> None:
    files.write(NAMESPACE, "flows_/x", b"")
    answer = page.post(AT, {"path": "_flows/a.yml", "text": "id: a"}, content_type="application/json")
    assert answer.status_code == 422  # in the namespace's own files flows are elsewhere


@pytest.mark.parametrize("text", ["", "\0", "{{", "{%", "{{ " + "(" * 5000, "'" * 9999, "\ud800", "select o." * 3000])
@pytest.mark.parametrize("path", ["models/a.sql", "models/a.yml", "dbt_project.yml", "a.md", "outside/a.sql"])
def test_strange_texts_are_only_texts(page: Client, text: str, path: str) -> None:
    found(page, text, path)


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("select 1", True),
        ("{{ config(materialized='table') }}{% set x = 1 %}select {{ x }}, {{ plain('a') }} from {{ ref('b') }}", True),
        ("{% for one in [1] %}{{ loop.index }}{% endfor %}{{ dbt_utils.star(ref('b')) }}", True),
        ("{{ this }}", False),
        ("{% if is_incremental() %}{% endif %}", False),
        ("{{ config.get('x') }}", False),
        ("{{ outer() }}", False),
        ("{{ unknown() }}", False),
        ("{{", False),
    ],
)
def test_a_text_stands_alone_unless_it_asks_where_it_stands(text: str, alone: bool) -> None:
    macros = {"plain": templates.names("{% macro plain(a) %}{{ a }}{{ ref('x') }}{% endmacro %}")}
    macros |= {"outer": frozenset({"inner"}), "inner": templates.names("{% macro inner() %}{{ model.name }}{% endmacro %}")}
    assert templates.stands_alone(text, macros) is alone
