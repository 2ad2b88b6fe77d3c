"""A preview of a project on PostgreSQL reads and does nothing else, whatever text is shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.test import Client
from pytest_django import Settings

from namespaces import files
from namespaces.models import User
from namespaces.services import connections
from plugins.dbt import _hosts
from tests import machine
from tests.workspace.conftest import NAMESPACE
from tests.workspace.test_asking_dbt import asked

pytestmark = [
    pytest.mark.django_db(transaction=True), pytest.mark.dbt, pytest.mark.postgres, pytest.mark.linux, pytest.mark.long,
    pytest.mark.timeout(300),
]  # fmt: skip
WORD = "zq-postgres-word"
FILES = {
    "dbt_project.yml": "name: shop\nprofile: shop\nversion: '1.0'\nconfig-version: 2\non-run-start: insert into kept values (100)\n",
    "models/kept.sql": "select 1 as id\n",
}
SETUP = """
create table kept (id int); insert into kept values (1); create sequence numbers;
create function writes() returns int language plpgsql as $$ begin insert into kept values (2); return 1; end $$;
"""
HARM = [
    "insert into kept values (9)",
    "delete from kept",
    "drop table kept",
    "with gone as (delete from kept returning *) select * from gone",
    "select writes() as n",
    "select nextval('numbers') as n",
    "select setval('numbers', 99) as n",
    "select lo_create(0) as n",
    "select 1 as a) as b; insert into kept values (9); select * from (select 1 as a",
    "select 1 as a) as b; commit; begin read write; insert into kept values (9); commit; select * from (select 1 as a",
    "select 1 as a) as b; rollback; set session characteristics as transaction read write; begin; insert into kept values (9); commit; "
    "select * from (select 1 as a",
    "{% do run_query('insert into kept values (9)') %}select 1 as a",
    "{% do run_query('commit; begin read write; insert into kept values (9); commit') %}select 1 as a",
    "{% call statement('x', fetch_result=False) %}commit; set default_transaction_read_only = off; insert into kept values (9); commit"
    "{% endcall %}select 1 as a",
    "{% do adapter.execute('delete from kept', auto_begin=True) %}select 1 as a",
    "{{ config(pre_hook='insert into kept values (9)', materialized='table') }}select 1 as a",
    "select set_config('default_transaction_read_only', 'off', false) as a",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with machine.postgres(tmp_path_factory.mktemp("server")) as address:
        yield address
    _hosts.end()


@pytest.fixture
def page(ada: User, server: str, settings: Settings, tmp_path: Path) -> Client:
    settings.KESTRA_STORAGE, settings.KESTRA_HOME = tmp_path / "storage", tmp_path / "home"
    for path, content in FILES.items():
        files.write(NAMESPACE, path, content.encode())
    parts = urlsplit(server)
    fields = {"host": "127.0.0.1", "port": str(parts.port), "user": parts.username, "dbname": parts.path.strip("/"), "schema": "public"}
    secrets = {"password": parts.password or WORD}
    connections.put(user=None, namespace=NAMESPACE, name="db", adapter="postgres", fields=fields, secrets=secrets, is_default=True)
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def state(server: str) -> tuple[object, ...]:
    """All that a preview might change."""
    with psycopg.connect(server) as connection:
        rows = connection.execute("select id from kept order by 1").fetchall()
        number = connection.execute("select last_value, is_called from numbers").fetchone()
        large = connection.execute("select count(*) from pg_largeobject_metadata").fetchone()
        names = connection.execute("select relname from pg_class where relnamespace = 'public'::regnamespace order by 1").fetchall()
    return rows, number, large, names


def test_whatever_is_shown_nothing_is_changed(page: Client, server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(SETUP)
    before = state(server)
    for text in HARM:
        for path in ("models/kept.sql", "analyses/new.sql"):
            shown = asked(page, "preview", path, text)
            assert state(server) == before, (text, shown)
            assert WORD not in str(shown)
    for text in ("select writes() as n", "insert into kept values (9)"):
        assert asked(page, "preview", "models/kept.sql", text)["state"] == "failed"
    good = asked(page, "preview", "models/kept.sql", "select id + 1 as n from kept")
    assert good["rows"] == [[2]], good
