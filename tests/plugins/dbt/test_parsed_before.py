"""Projects that another host, or another edit, has parsed before: nothing is parsed again, and all is said again that parsing says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator

import pytest

from plugins.dbt import _hosts
from plugins.dbt._host.client import HIDDEN
from tests.plugins.dbt.pairs import Pair, difference
from tests.plugins.dbt.test_warm import environment, make_pair

__all__ = ["environment", "make_pair"]
pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]
FROM_NOTHING = "saved manifest not found"
NOT_AGAIN = "not parsed again"
SAYS = "{% do exceptions.warn('said by ' ~ this.name) %} select 1 as n"


@pytest.fixture(autouse=True)
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


def model(pair: Pair, name: str, text: str) -> None:
    (pair.source / "models" / f"{name}.sql").write_text(text)


def parsed(pair: Pair, env: dict[str, str] | None = None) -> list[int]:
    """How many files were deleted, added and changed since what a host of this project begins with."""
    said = pair.run("warm", ["parse", "--log-level", "debug"], env or {}).raw
    assert FROM_NOTHING not in said
    found = re.search(r"(\d+) files deleted, (\d+) files added, (\d+) files changed", said)
    assert found
    return [int(number) for number in found.groups()]


def test_a_fresh_host_begins_with_the_nearest_of_the_projects_that_were_parsed_before(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    for number in range(4):
        model(pair, f"n{number}", "select 1 as n")
    assert FROM_NOTHING in pair.run("warm", ["parse"], {}).raw
    for number in range(4):
        model(pair, f"n{number}", "select 2 as n")
    assert FROM_NOTHING not in pair.run("warm", ["parse"], {}).raw
    _hosts.end()
    assert parsed(pair) == [0, 0, 0]
    _hosts.end()
    for number in range(3):
        model(pair, f"n{number}", "select 1 as n")
    assert parsed(pair) == [0, 0, 1]
    _hosts.end()
    model(pair, "n0", "select 3 as n")
    (pair.source / "models" / "n1.sql").unlink()
    assert not difference(*pair.both("compile"))
    (pair.source / "dbt_project.yml").write_text((pair.source / "dbt_project.yml").read_text() + "vars:\n  limit: 3\n")
    assert FROM_NOTHING in pair.run("warm", ["parse"], {}).raw


def test_a_parsed_project_that_cannot_be_read_is_parsed(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    pair.run("warm", ["parse"], {})
    _hosts.end()
    for path in (pair.folder / "caches").rglob("manifest"):
        path.write_bytes(path.read_bytes()[:1000])
    plain, warm = pair.both("parse")
    assert FROM_NOTHING in warm.raw
    assert not difference(plain, warm)


@pytest.mark.long
def test_without_partial_parsing_what_came_back_or_another_host_has_parsed_is_not_parsed_again(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    said = []
    for text in ("select 1 as n", "select 2 as n", "select 1 as n", "select 2 as n", "select 3 as n"):
        model(pair, "fresh", text)
        said.append(NOT_AGAIN in pair.run("warm", ["parse", "--no-partial-parse"], {}).raw)
    assert said == [False, False, True, True, False]
    _hosts.end()
    plain, warm = pair.both("parse", "--no-partial-parse")
    assert NOT_AGAIN in warm.raw
    assert not difference(plain, warm)
    model(pair, "fresh", "select 4 as n")
    pair.run("warm", ["parse"], {})
    assert NOT_AGAIN not in pair.run("warm", ["parse", "--no-partial-parse"], {}).raw, "what was parsed in part does not count"


def test_a_project_that_warns_of_its_files_is_parsed_in_part(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    for name in ("one", "two"):
        model(pair, name, SAYS)
    assert not difference(*pair.both("parse"))
    model(pair, "one", SAYS + "2")
    assert parsed(pair) == [0, 0, 1]
    assert not difference(*pair.both("compile", "--select", "one"))


@pytest.mark.long
def test_in_a_folder_that_holds_the_parsed_project_nothing_is_said_again(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    model(pair, "one", SAYS)
    seen = {}
    for side in ("plain", "warm"):
        seen[side] = [pair.run(side, ["parse"], {}, fresh=fresh).said for fresh in (True, False)]
        (pair.folder / "work" / "models" / "two.sql").write_text("select 2 as n")
        seen[side] += [pair.run(side, ["parse"], {}, fresh=False).said]
    assert seen["plain"] == seen["warm"]
    assert len(seen["plain"][0]) > len(seen["plain"][1])
    assert not difference(*pair.both("parse"))


SETTINGS: dict[str, tuple[list[str], dict[str, str], dict[str, bool]]] = {
    "an option": (["--no-static-parser"], {}, {}),
    "a variable": ([], {"DBT_STATIC_PARSER": "false"}, {}),
    "another parser": (["--use-experimental-parser"], {}, {}),
    "the profile": ([], {}, {"static_parser": False}),
    "the profile again": ([], {}, {"state_modified_compare_more_unrendered_values": True}),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=() if name == "an option" else pytest.mark.long) for name in SETTINGS])
def test_other_settings_of_the_parser_parse_anew(name: str, make_pair: Callable[[str], Pair]) -> None:
    options, variables, profile = SETTINGS[name]
    pair = make_pair("shop")
    model(pair, "refers", "{{ config(meta={'n': 1}, tags=['t']) }} select * from {{ ref('counts') }}")
    pair.run("warm", ["parse"], {})
    path = pair.source / "profiles.yml"
    path.write_text(json.dumps({**json.loads(path.read_text()), **({"config": profile} if profile else {})}))
    for _ in range(2):
        plain, warm = pair.both("parse", *options, **variables)
        assert not difference(plain, warm)
    assert FROM_NOTHING not in warm.raw
    _hosts.end()
    path.write_text(json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != "config"}))
    assert not difference(*pair.both("parse"))


@pytest.mark.long
def test_a_template_that_asks_for_flags_is_parsed_with_those_of_the_command(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    model(pair, "flagged", "{{ config(alias='full' if flags.FULL_REFRESH else 'part', tags=[flags.WHICH]) }} select 1 as n")
    model(pair, "argued", "{{ config(tags=[invocation_args_dict.which]) }} select 1 as n")
    for command in (["run"], ["run", "--full-refresh"], ["parse"], ["parse"]):
        plain, warm = pair.both(*command)
        assert not difference(plain, warm), command
    assert FROM_NOTHING not in warm.raw


def test_what_is_of_the_command_and_not_of_the_files_is_as_it_is_now(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    for number in range(2):
        selectors = {"selectors": [{"name": f"chosen{number}", "definition": "counts"}]}
        (pair.source / "selectors.yml").write_text(json.dumps(selectors))
        plain, warm = pair.both("parse", DBT_ENV_CUSTOM_ENV_RUN=str(number))
        assert not difference(plain, warm)
    assert FROM_NOTHING not in warm.raw


@pytest.mark.long
def test_what_was_parsed_with_a_secret_is_kept_in_memory_alone(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    model(pair, "told", "select '{{ env_var('WORD') }}' as word")
    env = {"WORD": "zq-word-of-a-vault", HIDDEN: "WORD"}
    assert FROM_NOTHING in pair.run("warm", ["parse"], env).raw
    assert parsed(pair, env) == [0, 0, 0]
    pair.run("warm", ["parse", "--vars", "a: 1"], {**env, HIDDEN: "WORD,*"})
    kept = list((pair.folder / "caches").rglob("manifest"))
    assert not [path for path in kept if b"zq-word" in path.read_bytes()]
    pair.run("warm", ["parse"], {"WORD": "no secret"})
    assert len(list((pair.folder / "caches").rglob("manifest"))) > len(kept)
