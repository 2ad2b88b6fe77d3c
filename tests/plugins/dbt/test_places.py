"""Where in a model an error lies, as databases and dbt tell it."""

from __future__ import annotations

import pytest

from plugins.dbt._places import Place, place_of

WRITTEN = """{{ config(materialized="table") }}
-- people
{% set columns = ["id", "name"] %}
select
{% for column in columns %}
  {{ column }},
{% endfor %}
  nope
from {{ ref("people") }}
where id > 1"""
COMPILED = """
-- people

select

  id,

  name,

  nope
from "db"."main"."people"
where id > 1"""
EXECUTED = 'create table "db"."main"."x" as (\n' + COMPILED + "\n);"


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ('Binder Error: Referenced column "nope" not found\n\n  LINE 11:   nope\n             ^', 8),
        ('column "nope" does not exist\n  LINE 11:   nope\n             ^', 8),
        ("Syntax error: Unexpected identifier at [12:3]", 9),
        ("SQL compilation error: error line 13 at position 6", 10),
        ("[PARSE_SYNTAX_ERROR] Syntax error (line 11, pos 2)", 8),
        ("line 11:3: Column 'nope' cannot be resolved", 8),
    ],
)
def test_the_line_that_a_database_names_is_found_in_the_model(message: str, line: int) -> None:
    assert place_of(message, WRITTEN, COMPILED, EXECUTED).line == line


def test_a_quotation_tells_the_line_where_the_statement_is_not_at_hand() -> None:
    assert place_of('x\nLINE 99: ...from "db"."main"."people"', WRITTEN, COMPILED, "") == Place(9, 11)


def test_a_line_made_by_a_loop_is_the_loops() -> None:
    found = place_of("x\n  LINE 9:   name,", WRITTEN, COMPILED, EXECUTED)
    assert found.compiled == 8
    assert found.line in (5, 6, 7)


def test_dbt_names_the_line_of_a_template_that_it_cannot_read() -> None:
    message = "Compilation Error in model x (models/x.sql)\n  unexpected '}'\n    line 6\n      {{ column },"
    assert place_of(message, WRITTEN, "", "") == Place(6, None)


@pytest.mark.parametrize("message", ["", "something is wrong", "LINE 700: what", "error line 99 at position 1", "Compilation Error: line"])
def test_what_names_no_line_has_none(message: str) -> None:
    assert place_of(message, WRITTEN, COMPILED, EXECUTED) == Place(None, None)


def test_nothing_is_known_of_nothing() -> None:
    assert place_of("LINE 1: select", "", "", "") == Place(None, None)
