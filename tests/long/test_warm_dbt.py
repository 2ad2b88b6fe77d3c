"""dbt through a process that has it loaded, against dbt from a shell: every command over every project, and after any edit.

After any change of packages, too, and after commands that died while they held a lock of dbt's.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugins.contract import Settings
from plugins.dbt import _hosts
from plugins.scripts import _environments, _images
from tests.plugins.context import FolderEnvironments, MemoryContext
from tests.plugins.dbt.pairs import COMMANDS, PROJECTS, Pair, difference
from tests.plugins.dbt.test_packages import git, make_package
from tests.plugins.dbt.test_warm import HOLD, LOCKS

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


NEAR = """\
version: 2
models:
  - name: near
    columns: [{name: n, data_tests: [not_null]}]
"""


def test_packages_that_change(environment: Path, tmp_path: Path) -> None:
    """Each change is followed by `dbt deps`, and by a build in the folder where that installed the packages."""
    pair = Pair(PROJECTS["shop"], tmp_path, environment, namespace="packages")
    source, near, tools = pair.source, tmp_path / "near", tmp_path / "tools"
    commits = [make_package(tools, number) for number in (1, 2)]
    local, settings = {"local": "../near"}, (source / "dbt_project.yml").read_text()
    (near / "models").mkdir(parents=True)
    (near / "macros").mkdir()

    def near_is(**more: object) -> None:
        (near / "dbt_project.yml").write_text(json.dumps({"name": "near", "version": "1.0.0", "config-version": 2, **more}))

    def packages(*wanted: dict[str, str], uses: str = "near.near()") -> None:
        (source / "packages.yml").write_text(json.dumps({"packages": list(wanted)}))
        model(pair, "uses", f"select {{{{ {uses} }}}} as n")

    def tools_at(revision: str) -> dict[str, str]:
        return {"git": f"file://{tools}", "revision": revision}

    def macro(value: int) -> None:
        (near / "macros" / "near.sql").write_text(f"{{% macro near() %}}{value}{{% endmacro %}}")

    near_is()
    macro(1)
    (near / "models" / "near.sql").write_text("select {{ var('near', 1) }} as n")
    (near / "models" / "near.yml").write_text(NEAR)
    changes: dict[str, Callable[[], object]] = {
        "a package in a folder comes": lambda: packages(local),
        "nothing": lambda: None,
        "its model": lambda: (near / "models" / "near.sql").write_text("select {{ var('near', 2) }} as n, 1 as m"),
        "its macro": lambda: macro(2),
        "its YAML": lambda: (near / "models" / "near.yml").write_text(NEAR.replace("not_null", "unique")),
        "its settings": lambda: near_is(vars={"near": 3}),
        "another model of it": lambda: (near / "models" / "nearer.sql").write_text("select * from {{ ref('near') }}"),
        "a model that reads it": lambda: model(pair, "reads", "select * from {{ ref('near', 'near') }}"),
        "the project's settings for it": lambda: (source / "dbt_project.yml").write_text(
            settings + "\nmodels: {near: {+materialized: table}}\n"
        ),
        "a Git repository": lambda: packages(local, tools_at(commits[0]), uses="tools.given() + near.near()"),
        "its next commit": lambda: packages(local, tools_at(commits[1]), uses="tools.given() + near.near()"),
        "its branch": lambda: packages(local, tools_at("main"), uses="tools.given()"),
        "its branch moves": lambda: make_package(tools, 3),
        "its tag": lambda: (git(tools, "tag", "v1"), packages(local, tools_at("v1"), uses="tools.given()")),
        "its first commit again": lambda: packages(local, tools_at(commits[0]), uses="tools.given()"),
        "a package twice": lambda: packages(local, local, uses="near.near()"),
        "one that is not there": lambda: packages(local, {"local": "../nowhere"}),
        "all is well again": lambda: packages(local),
        "a model of it is gone": (near / "models" / "nearer.sql").unlink,
        "what uses it is gone": lambda: [(source / "models" / f"{name}.sql").unlink() for name in ("uses", "reads")],
        "no package": (source / "packages.yml").unlink,
    }
    for what, change in changes.items():
        change()
        found = {}
        for side in ("plain", "warm"):
            found[side] = [pair.run(side, ["deps"], {}), *(pair.run(side, [command], {}, fresh=False) for command in ("build", "compile"))]
        for plain, warm in zip(found["plain"], found["warm"], strict=True):
            assert not difference(plain, warm), what


@pytest.mark.parametrize("lock", LOCKS)
def test_twenty_commands_after_one_that_died_holding_a_lock_of_dbts(lock: str, environment: Path, tmp_path: Path) -> None:
    pair = Pair(PROJECTS["shop"], tmp_path, environment, namespace=f"lock_{lock}")
    (pair.source / "holds.py").write_text(HOLD)
    profiles = json.loads((pair.source / "profiles.yml").read_text())
    for output in profiles["shop"]["outputs"].values():
        output |= {"plugins": [{"module": "holds"}], "module_paths": ["."]}
    (pair.source / "profiles.yml").write_text(json.dumps(profiles))
    assert not difference(*pair.both("build"))
    assert pair.run("warm", ["run", "--select", "stg_people"], {"HELD": lock}).code == -signal.SIGKILL
    for number in range(20):
        command = COMMANDS[number * 2 + 2]
        assert not difference(*pair.both(*command)), (number, command)


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
