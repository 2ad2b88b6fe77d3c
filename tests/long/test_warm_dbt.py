"""dbt through a process that has it loaded, against dbt from a shell: every command over every project, and after any edit."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugins.contract import Settings
from plugins.dbt import _hosts
from plugins.scripts import _environments, _images
from tests.plugins.context import FolderEnvironments, MemoryContext
from tests.plugins.dbt.pairs import COMMANDS, PROJECTS, Pair, difference

pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.long]
NUMBER = int(os.environ.get("KESTRA_WEB_TEST_EXAMPLES", "200"))
DEPRECATED = "{% set _ = modules.itertools.count(1) %}"
CHATTY = """\
models:
  - name: counts
    meta: {owner: "moved into config"}
    data_tests:
      - accepted_values: {column_name: n, values: [1, 2, 3, 4, 5, 6, 7]}
  - name: nobody_has_this_name
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dbt")
    recipe = _images.meaning("ghcr.io/kestra-io/dbt-duckdb:latest", ["duckdb"]).recipe
    assert recipe
    yield _environments.ensure(MemoryContext(folder, Settings(home=folder), FolderEnvironments(folder / "environments")), recipe)
    _hosts.end()


@pytest.mark.parametrize("name", PROJECTS)
def test_every_command_leaves_the_same(name: str, environment: Path, tmp_path: Path) -> None:
    pair = Pair(PROJECTS[name], tmp_path, environment, namespace=name)
    different = {" ".join(command): found for command in COMMANDS if (found := difference(*pair.both(*command)))}
    assert different == {}


def model(pair: Pair, name: str, text: str) -> None:
    (pair.source / "models" / f"{name}.sql").write_text(text)


def test_what_parsing_says_is_said_again(environment: Path, tmp_path: Path) -> None:
    pair = Pair(PROJECTS["shop"], tmp_path, environment, namespace="says")
    macro = pair.source / "macros" / "says.sql"
    macro.parent.mkdir()
    macro.write_text(
        "{% macro says(what) %}{{ log('log ' ~ what, info=true) }}{{ print('print ' ~ what) }}"
        "{% do exceptions.warn('warn ' ~ what) %}{% endmacro %}"
    )
    for name in "abc":
        model(pair, name, f"{DEPRECATED} {{{{ says('{name}') }}}} select 1 as n")
    schema = pair.source / "models" / "chatty.yml"
    schema.write_text(CHATTY)
    edits: dict[str, Callable[[], object]] = {
        "nothing": lambda: None,
        "a model that says something": lambda: model(pair, "b", DEPRECATED + "{{ says('b2') }} select 1 as n"),
        "a model that says nothing": lambda: model(pair, "plain", "select 1 as n"),
        "the first one says nothing any more": lambda: model(pair, "a", "select 2 as n"),
        "one is gone": (pair.source / "models" / "c.sql").unlink,
        "the YAML file": lambda: schema.write_text(CHATTY.replace("nobody_has", "also_nobody_has")),
        "the YAML file says nothing any more": lambda: schema.write_text("models: [{name: counts, description: it is}]"),
        "a deprecated model comes first": lambda: model(pair, "a", DEPRECATED + "select 3 as n"),
        "the macro": lambda: macro.write_text("{% macro says(what) %}{{ print(what ~ '!') }}{% endmacro %}"),
    }
    told = set()
    for what, edit in edits.items():
        edit()
        for more in ((), ("--show-all-deprecations",)) if what in ("nothing", "one is gone") else ((),):
            plain, warm = pair.both("parse", *more)
            assert not difference(plain, warm), (what, more)
            told |= {line.split()[1] for line in plain.said}
    assert {"JinjaLogInfo", "PrintEvent", "JinjaLogWarning", "NoNodeForYamlKey"} <= told
    assert {"ModulesItertoolsUsageDeprecation", "DeprecationsSummary"} <= told
    for options in (["--warn-error"], ["--warn-error-options", '{"silence": ["ModulesItertoolsUsageDeprecation"]}'], []):
        assert not difference(*pair.both("parse", *options)), options
    _hosts.end()
    plain, warm = pair.both("parse")
    assert not difference(plain, warm)
    assert "saved manifest not found" not in warm.raw


def test_edits_at_random(environment: Path, tmp_path: Path) -> None:
    """Each edit is compared after it: what is parsed, and now and then what is built."""
    pair = Pair(PROJECTS["shop"], tmp_path, environment, namespace="edits")
    chance = random.Random(20)
    for number in range(NUMBER):
        what = _edit(pair, chance, number)
        command = ["build"] if number % 10 == 9 else ["parse"]
        assert not difference(*pair.both(*command)), f"edit {number}: {what}"


def _edit(pair: Pair, chance: random.Random, number: int) -> str:
    source = pair.source
    models = sorted((source / "models").glob("*.sql"))
    kind = chance.choice(["change", "change", "add", "remove", "macro", "describe", "var", "env", "break", "rename", "project", "seed"])
    match kind:
        case "change":
            path = chance.choice(models)
            path.write_text(re.sub(r"(-- \d+)?\s*$", f"\n-- {number}\n", path.read_text()))
        case "add":
            parent = chance.choice(models).stem
            (source / "models" / f"extra_{number}.sql").write_text(f"select {number} as n, * from {{{{ ref('{parent}') }}}}")
        case "remove":
            extra = [path for path in models if path.stem.startswith("extra_")]
            if extra:
                chance.choice(extra).unlink()
        case "macro":
            (source / "macros").mkdir(exist_ok=True)
            (source / "macros" / "m.sql").write_text(f"{{% macro m() %}}{chance.randint(1, 3)}{{% endmacro %}}")
            (source / "models" / "uses_m.sql").write_text("select {{ m() }} as n")
        case "describe":
            text = f"version: 2\nmodels:\n  - name: {chance.choice(models).stem}\n    description: number {number}\n"
            (source / "models" / f"more_{chance.randint(1, 3)}.yml").write_text(text)
        case "var":
            (source / "models" / "var.sql").write_text(f"select {{{{ var('v', {number}) }}}} as n")
        case "env":
            pair.variables["E"] = str(chance.randint(1, 3))
            (source / "models" / "env.sql").write_text("select {{ env_var('E', '0') }} as n")
        case "break":
            path = source / "models" / "sometimes.sql"
            path.write_text("select 1 as n" if path.exists() and "nowhere" in path.read_text() else "select * from {{ ref('nowhere') }}")
        case "rename":
            extra = [path for path in models if path.stem.startswith("extra_")]
            if extra:
                extra[0].rename(extra[0].with_stem(f"extra_{number}"))
        case "project":
            path = source / "dbt_project.yml"
            path.write_text(path.read_text().partition("\nvars:")[0] + f"\nvars:\n  limit: {chance.randint(1, 3)}\n")
        case "seed":
            (source / "seeds" / "raw_people.csv").write_text(f"id,name,age\n1,Zoe,{number}\n")
    return kind
