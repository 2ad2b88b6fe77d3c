"""Files of a namespace: written whole or not at all, listed, moved, found, brought back."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import files
from namespaces.paths import UnsafePath
from ui.errors import Conflict, Invalid, Missing

NS = "company.team"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE = tmp_path
    return tmp_path


def test_what_was_written_is_read_listed_and_told() -> None:
    files.write(NS, "/models/a.sql", b"select 1")
    files.write(NS, "b.txt", io.BytesIO(b"x" * 3_000_000))
    assert files.read(NS, "models/a.sql") == b"select 1"
    assert [(entry.path, entry.is_directory, entry.size) for entry in files.list_dir(NS)] == [
        ("models", True, 0),
        ("b.txt", False, 3_000_000),
    ]
    assert [entry.path for entry in files.walk(NS)] == ["b.txt", "models", "models/a.sql"]
    assert files.stats(NS, "models/a.sql").name == "a.sql"
    assert files.used(NS) == (2, 3_000_008)


def test_a_namespace_without_files_is_empty_and_not_missing() -> None:
    assert files.list_dir(NS) == []
    assert files.glob(NS) == []
    with pytest.raises(Missing):
        files.read(NS, "a")
    with pytest.raises(Missing):
        files.list_dir(NS, "a")


def test_namespaces_do_not_see_each_other() -> None:
    files.write("company", "a", b"of company")
    assert files.list_dir("company.team") == []
    assert not files.exists("company.team", "a")


def test_a_file_that_is_too_large_leaves_nothing(settings: Settings, storage: Path) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "file_bytes": 10}
    files.write(NS, "a", b"old")
    with pytest.raises(Invalid, match="larger than 10"):
        files.write(NS, "a", b"x" * 11)
    with pytest.raises(Invalid):
        files.write(NS, "a", io.BytesIO(b"x" * 2_000_000))
    assert files.read(NS, "a") == b"old"
    assert sorted(found.name for found in (storage / "company/team/_files").iterdir()) == ["a"]


def test_a_folder_is_not_overwritten_by_a_file_nor_a_file_by_a_folder() -> None:
    files.write(NS, "a/b", b"x")
    with pytest.raises(Conflict):
        files.write(NS, "a", b"x")
    with pytest.raises(Conflict):
        files.write(NS, "a/b/c", b"x")
    with pytest.raises(Conflict):
        files.make_dir(NS, "a/b")
    with pytest.raises(Conflict):
        files.write(NS, "a/b", b"y", overwrite=False)
    assert files.read(NS, "a/b") == b"x"


def test_moving_takes_a_folder_with_what_is_in_it_and_never_replaces() -> None:
    files.write(NS, "a/b/c.sql", b"x")
    files.write(NS, "taken", b"y")
    assert files.move(NS, "a/b", "new/place").path == "new/place"
    assert files.read(NS, "new/place/c.sql") == b"x"
    with pytest.raises(Conflict):
        files.move(NS, "new", "taken")
    with pytest.raises(UnsafePath):
        files.move(NS, "new", "new/deeper")
    with pytest.raises(Missing):
        files.move(NS, "nothing", "x")
    assert files.move(NS, "taken", "taken").path == "taken"


def test_deleting_answers_whether_there_was_something() -> None:
    files.write(NS, "a/b", b"x")
    assert files.delete(NS, "a") is True
    assert files.delete(NS, "a") is False
    assert files.delete(NS, "never/was") is False


def test_searching_wants_every_word() -> None:
    for path in ("models/staging/stg_orders.sql", "models/marts/Orders.sql", "README.md"):
        files.write(NS, path, b"")
    assert files.search(NS, "orders models") == ["models/marts/Orders.sql", "models/staging/stg_orders.sql"]
    assert files.search(NS, "nope") == []


def test_globs_choose_as_kestra_does() -> None:
    for path in ("profiles.yml", "dbt/profiles.yml", "dbt/models/a.sql", "a.sql", "dbt/models/b.py", ".user.yml"):
        files.write(NS, path, b"")
    assert files.glob(NS, ["**/*.sql"]) == ["a.sql", "dbt/models/a.sql"]
    assert files.glob(NS, ["*.sql"]) == ["a.sql"]
    assert files.glob(NS, [], ["profiles.yml"]) == [".user.yml", "a.sql", "dbt/models/a.sql", "dbt/models/b.py"]
    assert files.glob(NS, ["dbt/**"]) == ["dbt/models/a.sql", "dbt/models/b.py", "dbt/profiles.yml"]
    assert files.glob(NS, ["/profiles.yml"]) == ["profiles.yml"]
    assert files.glob(NS, ["glob:*.{sql,yml}"]) == [".user.yml", "a.sql", "profiles.yml"]
    assert files.glob(NS, ["dbt/models/[a]*"]) == ["dbt/models/a.sql"]
    assert files.glob(NS, ["dbt/models/[!a]*"]) == ["dbt/models/b.py"]


@pytest.mark.parametrize("pattern", ["{a", "[z-a]", "regex:.*"])
def test_a_pattern_that_cannot_be_used_is_refused(pattern: str) -> None:
    files.write(NS, "a" * 200, b"")
    with pytest.raises(Invalid):
        files.glob(NS, [pattern])


@pytest.mark.timeout(10)
def test_many_stars_do_not_hang() -> None:
    files.write(NS, "b" + "a" * 200, b"")
    assert files.glob(NS, ["**a" * 40 + "b?a", "*a" * 40 + "c", "**/" * 40 + "x"]) == []


def test_a_zip_goes_out() -> None:
    files.write(NS, "models/a.sql", b"select 1")
    archive = files.export_zip(NS)
    assert zipfile.ZipFile(io.BytesIO(archive)).namelist() == ["models/a.sql"]
