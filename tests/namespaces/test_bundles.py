"""Small contents that came together lie in one file, and nobody sees a difference."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import blobs, bundles, files
from namespaces.services import versions
from namespaces.services.versions import SYSTEM

pytestmark = pytest.mark.django_db
NS = "company.team"
MANY = {f"m{number % 7}/model_{number}.sql": f"select {number}\n".encode() for number in range(100)}


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE = tmp_path
    return tmp_path / "company" / "team" / blobs.BLOBS


def kept(storage: Path) -> tuple[int, int]:
    """How many bundles and how many single contents there are."""
    return len(list(storage.glob(f"{bundles.PREFIX}*"))), len(list(storage.glob("??/*")))


def make_old(storage: Path) -> None:
    for path in storage.rglob("*"):
        os.utime(path, (1, 1))


def ids() -> dict[str, str]:
    return {path: blobs.id_of(content) for path, content in MANY.items()}


def test_many_small_contents_are_one_file_and_are_kept_once(storage: Path) -> None:
    large = {"large.bin": b"x" * (bundles.SMALL + 1)}
    versions.write_all(NS, (MANY | large).items(), author=SYSTEM)
    assert kept(storage) == (1, 1)
    assert {path: files.read(NS, path) for path in files.paths(NS)} == MANY | large
    assert all(blobs.read(NS, blob) == MANY[path] for path, blob in ids().items())
    versions.write_all(NS, ((f"again/{path}", content) for path, content in MANY.items()), author=SYSTEM)
    versions.write(NS, "single.sql", MANY["m0/model_0.sql"], author=SYSTEM)
    assert kept(storage) == (1, 1)
    assert files.read(NS, "again/m0/model_0.sql") == files.read(NS, "single.sql") == b"select 0\n"


def test_a_few_contents_and_those_that_come_as_files_are_single(storage: Path) -> None:
    versions.write_all(NS, list(MANY.items())[: blobs.FEW], author=SYSTEM)
    assert kept(storage) == (0, blobs.FEW)


def test_the_same_content_twice_is_there_once(storage: Path) -> None:
    versions.write_all(NS, [(f"{number}.sql", f"{number % 50}".encode()) for number in range(100)], author=SYSTEM)
    with files.folder_at(NS, (), base=(blobs.BLOBS,)) as top:
        (name,) = (name for name in os.listdir(top) if name.startswith(bundles.PREFIX))
    assert (storage / name).stat().st_size < 50 * 28 + 8 + 100
    assert files.read(NS, "99.sql") == files.read(NS, "49.sql") == b"49"


def test_more_than_one_bundle_holds_is_in_several(storage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundles, "FULL", 500)
    versions.write_all(NS, MANY.items(), author=SYSTEM)
    assert kept(storage)[0] > 1
    assert all(blobs.read(NS, blob) == MANY[path] for path, blob in ids().items())


def test_what_nothing_names_is_let_go_of_and_the_others_stay(storage: Path) -> None:
    blobs.keep(NS, MANY.items())
    named = {blob for path, blob in ids().items() if path.startswith("m3/")}
    with blobs.changing(NS):
        assert blobs.forget_others(NS, named) == 0  # they are young: whoever wrote them may be about to name them
        make_old(storage)
        assert blobs.forget_others(NS, set(ids().values())) == 0
        assert blobs.forget_others(NS, named) == len(MANY) - len(named)
    for path, blob in ids().items():
        if blob in named:
            assert blobs.read(NS, blob) == MANY[path]
        else:
            with pytest.raises(blobs.Forgotten):
                blobs.read(NS, blob)
    make_old(storage)
    with blobs.changing(NS):
        assert blobs.forget_others(NS, ()) == len(named)
    assert kept(storage) == (0, 0)


def test_a_content_that_is_wanted_again_is_young_again(storage: Path) -> None:
    blobs.keep(NS, MANY.items())
    make_old(storage)
    blobs.keep(NS, [("again.sql", MANY["m0/model_0.sql"])])
    with blobs.changing(NS):
        assert blobs.forget_others(NS, ()) == 0
    assert kept(storage) == (1, 0)


def test_a_version_of_a_bundle_is_restored(storage: Path) -> None:
    versions.write_all(NS, MANY.items(), author=SYSTEM)
    versions.write(NS, "m0/model_0.sql", b"changed", author=SYSTEM)
    first = versions.FileVersion.objects.get(path="m0/model_0.sql", number=1)
    versions.restore(NS, "m0/model_0.sql", first, author=SYSTEM)
    assert files.read(NS, "m0/model_0.sql") == b"select 0\n"
    assert kept(storage) == (1, 1)


def test_many_bundles_become_one(storage: Path) -> None:
    items = list(MANY.items())
    with files.folder_at(NS, (), create=True, base=(blobs.BLOBS,)) as top:
        for first in range(0, 100, 5):
            bundles.keep(top, {blobs.id_of(content): content for _, content in items[first : first + 5]})
        stale = bundles.Bundles(top)
        assert stale.content(blobs.id_of(b"select 1\n")) == b"select 1\n"
        make_old(storage)
        with blobs.changing(NS):
            assert blobs.forget_others(NS, set(ids().values())) == 0
        assert kept(storage) == (1, 0)
        assert all(stale.content(blob) == blobs.read(NS, blob) == MANY[path] for path, blob in ids().items())
