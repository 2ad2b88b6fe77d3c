"""dbt through a process that has it loaded, against dbt from a shell: every command over every project, and after any edit."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from plugins.contract import Settings
from plugins.dbt import _hosts
from plugins.scripts import _environments, _images
from tests.plugins.context import FolderEnvironments, MemoryContext
from tests.plugins.dbt.pairs import COMMANDS, PROJECTS, Pair, difference

pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.long]
NUMBER = int(os.environ.get("KESTRA_WEB_TEST_EXAMPLES", "200"))


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
