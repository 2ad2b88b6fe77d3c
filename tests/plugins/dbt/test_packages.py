"""`dbt deps` through a host: skipped where the lock file says of each package which bytes it is and these were installed before."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from plugins.dbt import _hosts
from tests.plugins.dbt.pairs import Pair, difference
from tests.plugins.dbt.test_warm import environment, make_pair

__all__ = ["environment", "make_pair"]
pytestmark = [pytest.mark.dbt, pytest.mark.linux, pytest.mark.timeout(300)]
AGAIN = "what was installed before is used again"


@pytest.fixture(autouse=True)
def _no_host_stays() -> Iterator[None]:
    yield
    _hosts.end()


def git(folder: Path, *arguments: str) -> str:
    given = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z"}
    words = ["git", "-c", "user.name=A", "-c", "user.email=a@b.c", *arguments]
    return subprocess.run(words, cwd=folder, env=given, check=True, capture_output=True, text=True).stdout.strip()


def make_package(folder: Path, value: int) -> str:
    """A package in a Git repository; answers its commit."""
    (folder / "macros").mkdir(parents=True, exist_ok=True)
    (folder / "dbt_project.yml").write_text(json.dumps({"name": "tools", "version": "1.0.0", "config-version": 2}))
    (folder / "macros" / "given.sql").write_text(f"{{% macro given() %}}{value}{{% endmacro %}}")
    if not (folder / ".git").exists():
        git(folder, "init", "--quiet", "--initial-branch", "main")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", str(value))
    return git(folder, "rev-parse", "HEAD")


def write_packages(pair: Pair, *packages: dict[str, str]) -> None:
    (pair.source / "packages.yml").write_text(json.dumps({"packages": list(packages)}))
    (pair.source / "models" / "given.sql").write_text("select {{ tools.given() }} as n")


def lock(pair: Pair) -> None:
    """Take the lock file that dbt has just written into the project."""
    shutil.copy(pair.folder / "work" / "package-lock.yml", pair.source)


def test_packages_of_an_unchanged_lock_file_are_installed_once(make_pair: Callable[[str], Pair], tmp_path: Path) -> None:
    pair, repository = make_pair("shop"), tmp_path / "tools"
    first = make_package(repository, 1)
    write_packages(pair, {"git": f"file://{repository}", "revision": "main"})
    assert AGAIN not in pair.run("warm", ["deps"], {}).raw
    assert first in (pair.folder / "work" / "package-lock.yml").read_text()
    assert AGAIN not in pair.run("warm", ["deps"], {}).raw, "without a lock file dbt looks for the newest"
    lock(pair)
    make_package(repository, 2)
    assert AGAIN in pair.run("warm", ["deps"], {}).raw
    _hosts.end()
    assert AGAIN in pair.run("warm", ["deps"], {}).raw, "another host finds it, too"
    work = pair.folder / "work"
    assert (work / "dbt_packages" / "tools" / "macros" / "given.sql").read_text() == "{% macro given() %}1{% endmacro %}"
    shutil.copytree(work / "dbt_packages", pair.source / "dbt_packages")
    assert not difference(*pair.both("compile"))
    upgraded = pair.run("warm", ["deps", "--upgrade"], {})
    assert AGAIN not in upgraded.raw
    assert "}2{" in (work / "dbt_packages" / "tools" / "macros" / "given.sql").read_text()
    lock(pair)
    shutil.rmtree(pair.source / "dbt_packages")
    shutil.rmtree(repository)
    assert AGAIN in pair.run("warm", ["deps"], {}).raw, "what was upgraded is kept, too"
    assert "}2{" in (work / "dbt_packages" / "tools" / "macros" / "given.sql").read_text()
    write_packages(pair, {"git": f"file://{repository}", "revision": "other"})
    plain, warm = pair.both("deps")
    assert plain.code == warm.code != 0, "other packages than the lock file's are dbt's own business"


def test_a_local_package_is_never_taken_for_unchanged(make_pair: Callable[[str], Pair]) -> None:
    pair = make_pair("shop")
    make_package(pair.source / "tools", 1)
    write_packages(pair, {"local": "tools"})
    for _ in range(2):
        plain, warm = pair.both("deps")
        assert not difference(plain, warm)
        assert AGAIN not in warm.raw
        lock(pair)


def test_what_an_entry_of_a_lock_file_stands_for(environment: Path) -> None:
    entries = {
        '{"package": "dbt-labs/dbt_utils", "version": "1.3.0", "name": "dbt_utils"}': True,
        '{"package": "dbt-labs/dbt_utils", "version": [">=1.0.0", "<2.0.0"]}': False,
        '{"package": "dbt-labs/dbt_utils", "version": ">=1.0.0"}': False,
        '{"git": "https://a/b.git", "revision": "0123456789abcdef0123456789abcdef01234567"}': True,
        '{"git": "https://a/b.git", "revision": "main"}': False,
        '{"git": "https://a/b.git"}': False,
        '{"local": "../tools"}': False,
        '{"tarball": "https://a/b.tar.gz", "name": "b"}': False,
        '{"private": "a/b", "revision": "0123456789abcdef0123456789abcdef01234567"}': False,
    }
    asked = "import json, sys; from host.packages import is_fixed; print(json.dumps([is_fixed(json.loads(one)) for one in sys.argv[1:]]))"
    code = f"import sys; sys.path.insert(0, {str(_hosts.SOURCE.parent)!r}); import _host; sys.modules['host'] = _host; {asked}"
    done = subprocess.run([environment / "bin" / "python", "-c", code, *entries], capture_output=True, text=True, check=True)
    assert dict(zip(entries, json.loads(done.stdout), strict=True)) == entries


def test_caches_that_are_too_large_lose_what_was_used_least_recently(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_hosts, "MOST_CACHED", 12_000)
    for age, name in enumerate(("one/packages/new", "two/packages/old", "two/packages/older")):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "file").write_bytes(b"x" * 5000)
        os.utime(tmp_path / name, (10_000 - age, 10_000 - age))
    _hosts._make_room(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("*/*/*")) == ["new"]
