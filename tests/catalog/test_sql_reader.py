"""What the columns of a SELECT are made of, in the SQL of each adapter; bad SQL and SQL without end do no harm."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from catalog.sql_reader import Reader, reader

ORDERS = [["db", "main", "orders"], "model.s.orders", ["id", "customer_id", "amount", "status"]]
CUSTOMERS = [["db", "main", "customers"], "model.s.customers", None]
PAYMENTS = [["db", "raw", "pay"], "source.s.raw.pay", None]


@pytest.fixture(scope="module")
def asked() -> Iterator[Reader]:
    with reader() as found:
        yield found


def made(asked: Reader, sql: str, adapter: str = "duckdb", *tables: Any) -> dict[str, str]:
    """Each column as `sources | expressions | reasons`; what else there is under `*`."""
    answer = asked.ask(adapter, sql, list(tables) or [ORDERS, CUSTOMERS, PAYMENTS], {})
    assert "wrong" not in answer, answer
    told = {}
    for column in answer["columns"]:
        sources = " ".join(f"{node.rpartition('.')[2]}.{name}" for node, name in column["from"])
        told[column["name"]] = " | ".join(filter(None, [sources, " <- ".join(column["via"]), "; ".join(column["why"])]))
    if answer["open"]:
        told["*"] = " ".join(node for node, _ in answer["open"])
    return told


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('select id, Amount as "Total" from "db"."main"."orders"', {"id": "orders.id", "total": "orders.amount"}),
        ("select * exclude (status, amount) from db.main.orders", {"id": "orders.id", "customer_id": "orders.customer_id"}),
        (
            "select * replace (amount * 2 as amount) from db.main.orders",
            {
                "id": "orders.id",
                "customer_id": "orders.customer_id",
                "amount": "orders.amount | orders.amount * 2",
                "status": "orders.status",
            },
        ),
        ("with c as (select * from db.main.customers) select name from c", {"name": "customers.name"}),
        ("select c.*, 1 as one from db.main.customers c", {"one": "1", "*": "model.s.customers"}),
        (
            "with a as (select id, amount from db.main.orders), b as (select id, sum(amount) as s from a group by 1) "
            "select s / 2 as half from b",
            {"half": "orders.amount | b.s / 2 <- SUM(a.amount)"},
        ),
        (
            "select id from db.main.orders union all select oid from db.raw.pay",
            {"id": "orders.id pay.oid"},
        ),
        (
            "select id, status from db.main.orders union all by name select paid as status, oid as id from db.raw.pay",
            {"id": "orders.id pay.oid", "status": "orders.status pay.paid"},
        ),
        (
            "select amount + 1 as more, more * 2 as most from db.main.orders",
            {"more": "orders.amount | orders.amount + 1", "most": "orders.amount | (orders.amount + 1) * 2"},
        ),
        (
            "with recursive t as (select id, customer_id as up from db.main.orders "
            "union all select t.id, o.customer_id from t join db.main.orders o on o.id = t.up) select id, up from t",
            {"id": "orders.id", "up": "orders.customer_id"},
        ),
        (
            "select * from db.main.orders pivot (sum(amount) for status in ('new'))",
            {
                "id": "orders.id",
                "customer_id": "orders.customer_id",
                "new": "orders.amount orders.status | PIVOT(SUM(amount) FOR status IN ('new')) AS _0",
            },
        ),
        ("select x.id from elsewhere.table1 x", {"id": "table1.id"}),
    ],
)
def test_the_sql_of_duckdb(asked: Reader, sql: str, expected: dict[str, str]) -> None:
    assert made(asked, sql) == expected


@pytest.mark.parametrize(
    ("adapter", "sql", "expected"),
    [
        (
            "postgres",
            'select distinct on (id) id::int as id, p.top from "db"."main"."orders" o '
            'left join lateral (select max(r.paid) as top from "db"."raw"."pay" r where oid = o.id) p on true',
            {"id": "orders.id | CAST(o.id AS INT)", "top": "pay.paid | MAX(r.paid)"},
        ),
        (
            "snowflake",
            "select t.ID, f.value:name::string as NM, iff(STATUS = 1, AMOUNT, 0) as X "
            "from DB.MAIN.ORDERS t, lateral flatten(input => t.ITEMS) f",
            {"id": "orders.id", "nm": "orders.items", "x": "orders.amount orders.status"},
        ),
        (
            "bigquery",
            "select o.id, item.sku, safe_divide(amount, 2) as half from `db`.`main`.`orders` o cross join unnest(o.items) as item",
            {"id": "orders.id", "sku": "orders.items", "half": "orders.amount"},
        ),
        ("bigquery", "select * except (status, customer_id) from `db.main.orders`", {"id": "orders.id", "amount": "orders.amount"}),
        (
            "redshift",
            "select id, listagg(status, ',') within group (order by amount) as all_states, getdate() as now "
            'from "db"."main"."orders" group by 1',
            {"id": "orders.id", "all_states": "orders.status orders.amount", "now": "GETDATE()"},
        ),
        ("an_adapter_that_nobody_knows", "select id from db.main.orders", {"id": "orders.id"}),
    ],
)
def test_the_sql_of_other_adapters(asked: Reader, adapter: str, sql: str, expected: dict[str, str]) -> None:
    found = made(asked, sql, adapter)
    assert found.keys() == expected.keys()
    assert {name: found[name][: len(text)] for name, text in expected.items()} == expected


@pytest.mark.parametrize(
    ("sql", "column", "reason"),
    [
        ("select x from db.main.customers, db.raw.pay", "x", "`x` may be a column of any of: customers, raw.pay"),
        ("select x from db.main.orders, db.raw.pay", "x", ""),
        ("select amount * 2 as a, a + 1 as b from db.raw.pay", "b", "`a` may be a column of a table, or the one that this SELECT makes"),
        ("select (select max(cid) from db.raw.pay) as m from db.main.orders", "m", "it reads a subquery whose columns are not known"),
        (
            "select p.top from db.main.orders o left join lateral (select max(paid) as top from db.raw.pay) p on true",
            "top",
            "it reads a subquery whose columns are not known",
        ),
        ("select nothing.x from db.main.orders", "x", "`nothing` stands for no table here"),
    ],
)
def test_what_cannot_be_known_is_not_guessed(asked: Reader, sql: str, column: str, reason: str) -> None:
    answer = asked.ask("duckdb", sql, [ORDERS, CUSTOMERS, PAYMENTS], {})
    (found,) = [one for one in answer["columns"] if one["name"] == column]
    assert found["why"] == [reason] * bool(reason)
    assert bool(found["from"]) == (not reason)


def test_tables_that_could_be_one_of_two_are_not_guessed(asked: Reader) -> None:
    twins = ([["a", "main", "t"], "model.s.a", None], [["b", "main", "t"], "model.s.b", None])
    assert made(asked, "select id from main.t", "duckdb", *twins) == {"id": "t.id"}
    assert made(asked, "select id from b.main.t", "duckdb", *twins) == {"id": "b.id"}


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("selct id from", "Invalid expression"),
        ("create table x as select 1", "Expected one SELECT, found CREATE"),
        ("select 1; select 2", "Expected one SELECT, found SELECT, SELECT"),
        ("", "Expected one SELECT, found nothing"),
        (f"select {'(' * 5000}1{')' * 5000}", ""),
    ],
)
def test_what_is_no_select_is_not_parsed(asked: Reader, sql: str, reason: str) -> None:
    assert asked.ask("duckdb", sql, [], {})["wrong"].startswith(reason)


def test_what_takes_too_long_is_given_up_and_the_next_is_answered(asked: Reader) -> None:
    started = time.monotonic()
    endless = " union all ".join(["select id, amount + 1 as a from db.main.orders where id in (1, 2, 3)"] * 20_000)
    assert asked.ask("duckdb", endless, [ORDERS], {}, seconds=1)["wrong"] == "It took longer than 1 s"
    assert time.monotonic() - started < 8
    assert made(asked, "select id from db.main.orders") == {"id": "orders.id"}


def test_a_child_that_died_is_replaced(asked: Reader) -> None:
    assert asked._process
    asked._process.kill()
    asked._process.wait()
    assert "wrong" in asked.ask("duckdb", "select 1 as x", [], {})
    assert made(asked, "select 1 as x") == {"x": "1"}
