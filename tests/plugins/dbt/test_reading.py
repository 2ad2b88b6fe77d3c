"""What a command that only reads may send to its database."""

from __future__ import annotations

import pytest

from plugins.dbt._host.reading import reads


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        '/* {"app": "dbt"} */\nselect 1;\n',
        "with a as (select ';') select * from a -- ; commit",
        "select '; commit', \"a;b\", $$ ; $$, $x$ ' ; $x$, 'it''s ;', e'\\'; '",
        "(select 1) union (select 2)",
        "BEGIN",
        "COMMIT",
        "show search_path",
    ],
)
def test_a_query_is_sent(sql: str) -> None:
    assert reads(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "-- nothing",
        "insert into a values (1)",
        "select 1; commit",
        "select 1 as a) as b; commit; begin read write; select * from (select 1",
        "set default_transaction_read_only = off",
        "select set_config('default_transaction_read_only', 'off', false)",
        "begin read write",
        "do $$ begin commit; end $$",
        "select e'\\''; commit; select '",
        "select a$x$; commit; select b$x$",
        "select $1$; commit; select $1$",
        "select '\\'; commit; select '\\'",
        "/* /* */ ; commit; select 1 */",
        "call writes()",
        "copy (select 1) to program 'touch /tmp/x'",
    ],
)
def test_all_else_is_not(sql: str) -> None:
    assert not reads(sql)
