"""Versions of files: what was saved can be read again, whoever wrote, moved or deleted it afterwards, and whatever stopped them."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pytest_django import Settings

from namespaces import blobs, files
from namespaces.models import Deletion, Draft, FileVersion
from namespaces.selectors import versions as selectors
from namespaces.services import drafts, forgetting, saving, versions
from namespaces.services.versions import SYSTEM, Author
from tests import builders
from ui.errors import Conflict, Invalid, Missing

pytestmark = pytest.mark.django_db
NS = "company.team"
ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    settings.KESTRA_STORAGE = tmp_path
    return tmp_path


def told(path: str) -> list[tuple[int, str, bytes]]:
    """The history of a file: number, reason and content of each version."""
    return [(row.number, row.reason, selectors.content(row)) for row in selectors.history(NS, path)]


def test_every_save_is_a_version_with_its_author() -> None:
    ada = builders.person("ada")
    versions.write(NS, "/models/a.sql", b"one", author=Author(ada))
    versions.write(NS, "models/a.sql", b"two", author=Author(execution="4abc"))
    versions.write(NS, "models/a.sql", b"two", author=Author(ada))  # nothing new
    assert told("models/a.sql") == [(2, "saved", b"two"), (1, "saved", b"one")]
    newest, oldest = selectors.history(NS, "models/a.sql")
    assert (oldest.author, oldest.execution, newest.author, newest.execution) == (ada, "", None, "4abc")
    assert files.read(NS, "models/a.sql") == b"two"


def test_a_content_is_kept_under_the_id_that_git_gives_it_and_once() -> None:
    versions.write(NS, "a", b"hello\n", author=SYSTEM)
    versions.write(NS, "b", io.BytesIO(b"hello\n"), author=SYSTEM)
    ids = set(FileVersion.objects.values_list("blob", flat=True))
    assert ids == {"ce013625030ba8dba906f756967f9e9ca394464a"}
    assert blobs.read(NS, ids.pop()) == b"hello\n"


def test_what_someone_else_put_there_is_kept_before_it_is_replaced_moved_or_deleted() -> None:
    for path in ("replaced", "folder/moved", "deleted"):
        files.write(NS, path, path.encode())
    versions.write(NS, "replaced", b"new", author=SYSTEM)
    versions.move(NS, "folder", "other", author=SYSTEM)
    versions.delete(NS, "deleted", author=SYSTEM)
    assert told("replaced") == [(2, "saved", b"new"), (1, "found", b"replaced")]
    assert told("other/moved") == [(2, "moved", b"folder/moved"), (1, "found", b"folder/moved")]
    assert told("deleted") == [(2, "deleted", b"deleted"), (1, "found", b"deleted")]


def test_a_history_follows_renames_and_keeps_two_files_apart() -> None:
    versions.write(NS, "a", b"first", author=SYSTEM)
    versions.move(NS, "a", "b", author=SYSTEM)
    versions.write(NS, "a", b"another", author=SYSTEM)
    versions.write(NS, "b", b"second", author=SYSTEM)
    versions.move(NS, "b", "c/d", author=SYSTEM)
    assert [content for _, _, content in told("c/d")] == [b"second", b"second", b"first", b"first"]
    assert [row.other for row in selectors.history(NS, "c/d")] == ["b", "", "a", ""]
    assert told("a") == [(3, "saved", b"another")]
    assert [reason for _, reason, _ in told("b")] == ["away", "saved", "moved", "saved"]


def test_a_version_is_restored_as_a_new_one() -> None:
    for content in (b"one", b"two"):
        versions.write(NS, "a", content, author=SYSTEM)
    versions.restore(NS, "a", selectors.version(NS, "a", 1), author=SYSTEM)
    assert told("a") == [(3, "restored", b"one"), (2, "saved", b"two"), (1, "saved", b"one")]
    with pytest.raises(Missing, match="no version 9"):
        selectors.version(NS, "a", 9)


def test_a_folder_goes_to_the_trash_and_comes_back_whole() -> None:
    versions.write_all(NS, [("a/b/x", b"x"), ("a/y", b"y"), ("z", b"z")], author=SYSTEM)
    files.make_dir(NS, "a/empty/too")
    ada = builders.person("ada")
    deletion = versions.delete(NS, "a", author=Author(ada))
    assert deletion is not None
    assert [entry.path for entry in files.walk(NS)] == ["z"]
    assert [(row.path, row.files, row.size, row.author) for row in selectors.trash(NS)] == [("a", 2, 2, ada)]
    versions.undelete(deletion, author=SYSTEM)
    assert [entry.path for entry in files.walk(NS)] == ["a", "z", "a/b", "a/empty", "a/y", "a/b/x", "a/empty/too"]
    assert files.read(NS, "a/b/x") == b"x"
    assert list(selectors.trash(NS)) == []
    with pytest.raises(Missing):
        versions.undelete(deletion, author=SYSTEM)


def test_what_is_deleted_does_not_come_back_over_something_new() -> None:
    versions.write(NS, "a", b"old", author=SYSTEM)
    deletion = versions.delete(NS, "a", author=SYSTEM)
    assert deletion is not None
    versions.write(NS, "a", b"new", author=SYSTEM)
    with pytest.raises(Conflict):
        versions.undelete(deletion, author=SYSTEM)
    assert files.read(NS, "a") == b"new"
    assert versions.delete(NS, "never/was", author=SYSTEM) is None
    for wrong in ("", "-1", "²", "9" * 30, "x"):
        with pytest.raises(Missing):
            selectors.deletion(NS, wrong)
    with pytest.raises(Missing):
        selectors.deletion("company.other", deletion.pk)


def test_an_emptied_trash_lets_go_of_its_versions_and_of_no_others(storage: Path) -> None:
    versions.write(NS, "a", b"old", author=SYSTEM)
    versions.delete(NS, "a", author=SYSTEM)
    versions.write(NS, "a", b"new", author=SYSTEM)
    later = versions.delete(NS, "a", author=SYSTEM)
    assert later is not None
    assert versions.empty_trash(NS, deletions=[later.pk]) == 1
    assert [selectors.content(row) for row in FileVersion.objects.filter(reason="deleted")] == [b"old"]
    versions.write(NS, "a", b"kept", author=SYSTEM)
    assert versions.empty_trash(NS) == 1
    assert told("a") == [(3, "saved", b"kept")]
    make_old(storage)
    assert forgetting.forget(timezone.now()) == 2
    assert told("a") == [(3, "saved", b"kept")]


def test_a_refused_write_changes_nothing_and_tells_no_version(settings: Settings) -> None:
    versions.write(NS, "a/b", b"x", author=SYSTEM)
    for path, error in (("a", Conflict), ("a/b/c", Conflict)):
        with pytest.raises(error):
            versions.write(NS, path, b"y", author=SYSTEM)
    with pytest.raises(Conflict):
        versions.write(NS, "a/b", b"y", author=SYSTEM, overwrite=False)
    with pytest.raises(Conflict):
        versions.write_all(NS, [("new", b"1"), ("a/b/c", b"2")], author=SYSTEM)
    with pytest.raises(Conflict):
        versions.move(NS, "new", "a", author=SYSTEM)
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "file_bytes": 10}
    with pytest.raises(Invalid, match="big is larger than 10"):
        versions.write(NS, "big", io.BytesIO(b"x" * 11), author=SYSTEM)
    assert {row.path for row in FileVersion.objects.all()} == {"a/b", "new"}
    assert [entry.path for entry in files.walk(NS)] == ["a", "new", "a/b"]


def test_a_zip_comes_in_as_versions() -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("models/a.sql", "select 1")
    assert versions.import_zip(NS, archive, author=SYSTEM) == ["models/a.sql"]
    assert told("models/a.sql") == [(1, "uploaded", b"select 1")]
    with pytest.raises(Invalid):
        versions.import_zip(NS, io.BytesIO(b"no zip"), author=SYSTEM)


def test_copies_of_a_namespace_have_histories_of_their_own_and_share_contents() -> None:
    mine = files.Place(NS, ("_work", "7", "dev"))
    versions.write(NS, "a", b"x", author=SYSTEM)
    versions.write(mine, "a", b"x", author=SYSTEM)
    versions.write(mine, "a", b"y", author=SYSTEM)
    assert len(selectors.history(mine, "a")) == 2
    assert len(selectors.history(NS, "a")) == 1
    assert files.read(NS, "a") == b"x"


def test_two_thousand_files_are_written_in_few_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    with django_assert_max_num_queries(40):
        versions.write_all(NS, [(f"models/m{number}.sql", f"select {number}".encode()) for number in range(2000)], author=SYSTEM)
    with django_assert_max_num_queries(100):
        versions.move(NS, "models", "other", author=SYSTEM)
    with django_assert_max_num_queries(40):
        versions.delete(NS, "other", author=SYSTEM)
    assert list(selectors.trash(NS).values_list("files", flat=True)) == [2000]


def test_files_are_recorded_before_something_else_changes_them() -> None:
    files.write(NS, "a", b"one")
    versions.write(NS, "b", b"two", author=SYSTEM)
    assert versions.record(NS) == 1
    assert versions.record(NS) == 0
    files.write(NS, "a", b"changed")
    assert versions.record(NS, ["a", "b", "not there"]) == 1
    assert [content for _, _, content in told("a")] == [b"changed", b"one"]


def make_old(storage: Path) -> None:
    """Contents that nobody may be about to name."""
    for path in storage.rglob("_blobs/*/*"):
        os.utime(path, (1, 1))


def aged(days: int, **rows: Any) -> None:
    FileVersion.objects.filter(**rows).update(at=timezone.now() - timedelta(days=days))


def test_what_was_replaced_long_ago_is_forgotten_and_what_was_replaced_lately_is_not(settings: Settings, storage: Path) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "retain_versions": 86_400 * 30}
    for content in (b"one", b"two", b"three"):
        versions.write(NS, "a", content, author=SYSTEM)
    aged(90, number=1)
    aged(50, number=2)  # when `one` was replaced
    make_old(storage)
    forgetting.forget(timezone.now())
    assert told("a") == [(3, "saved", b"three"), (2, "saved", b"two")]
    with pytest.raises(Missing):
        blobs.read(NS, blobs.id_of(b"one"))


def test_what_was_typed_and_not_saved_stays_with_what_it_can_be_merged_with(settings: Settings, storage: Path) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "retain_versions": 86_400 * 30}
    ada = builders.person("ada")
    files.write(NS, "a", b"one\n")
    _, base = saving.opened(NS, "a")
    drafts.keep(NS, "a", ada, base=base, text="zero\none\n")
    files.write(NS, "a", b"one\n\n\ntwo\n")
    Draft.objects.update(changed=timezone.now() - timedelta(days=400))
    make_old(storage)
    forgetting.forget(timezone.now())
    kept = drafts.find(NS, "a", ada)
    assert kept is not None
    outcome = saving.save(NS, "a", kept.text, kept.base, versions.Author(ada))
    assert outcome.text == "zero\none\n\n\ntwo\n"
    assert files.read(NS, "a") == b"zero\none\n\n\ntwo\n"


def test_a_deleted_file_stays_in_the_trash_for_as_long_as_versions_are_kept(settings: Settings, storage: Path) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "retain_versions": 86_400 * 30, "versions": 1}
    versions.write(NS, "a", b"one", author=SYSTEM)
    versions.delete(NS, "a", author=SYSTEM)
    aged(90, number=1)
    make_old(storage)
    forgetting.forget(timezone.now())
    (deletion,) = selectors.trash(NS)
    versions.undelete(deletion, author=SYSTEM)
    versions.delete(NS, "a", author=SYSTEM)
    old = timezone.now() - timedelta(days=31)
    Deletion.objects.update(at=old)
    aged(31)
    make_old(storage)
    forgetting.forget(timezone.now())
    assert list(selectors.trash(NS)) == []
    assert not FileVersion.objects.exists()


def test_a_file_has_so_many_versions_and_no_more(settings: Settings) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "versions": 3}
    for number in range(8):
        versions.write(NS, "a", str(number).encode(), author=SYSTEM)
    forgetting.forget(timezone.now())
    assert [number for number, _, _ in told("a")] == [8, 7, 6]


PATHS = st.sampled_from(["a", "b", "d", "d/a", "d/b", "d/e/c", "e/a", "éa b", "-x"])
CONTENTS = st.sampled_from([b"", b"one\n", b"two\n", b"\x00\xff", b"three\r\n"])
STEPS = st.one_of(
    st.tuples(st.just("save"), PATHS, CONTENTS),
    st.tuples(st.just("move"), PATHS, PATHS),
    st.tuples(st.just("delete"), PATHS),
    st.tuples(st.just("undelete"), st.integers(0, 5)),
    st.tuples(st.just("restore"), PATHS, st.integers(1, 6)),
    st.tuples(st.just("outside"), PATHS, CONTENTS),
)


class Histories(TestCase):
    """Whatever is done in whatever order, every content that anyone saved is in the history of a path, and the newest version of a
    file tells what it holds."""

    @given(st.lists(STEPS, max_size=25))
    @hypothesis_settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    def test_every_content_that_was_saved_is_reachable(self, steps: list[tuple[Any, ...]]) -> None:
        folder = tempfile.mkdtemp()
        try:
            with self.settings(KESTRA_STORAGE=folder):
                self.check(steps)
        finally:
            shutil.rmtree(folder)

    def check(self, steps: list[tuple[Any, ...]]) -> None:
        saved: set[bytes] = set()
        for verb, *arguments in steps:
            try:
                getattr(self, verb)(saved, *arguments)
            except (Conflict, Missing, Invalid):
                continue
        paths = set(FileVersion.objects.values_list("path", flat=True))
        reachable = {selectors.content(row) for path in paths for row in selectors.history(NS, path)}
        assert saved <= reachable
        versions.record(NS)  # what came from outside
        for entry in files.walk(NS):
            if not entry.is_directory:
                newest = selectors.history(NS, entry.path)[0]
                assert (newest.blob, newest.is_gone) == (files.blob(NS, entry.path), False)

    def save(self, saved: set[bytes], path: str, content: bytes) -> None:
        versions.write(NS, path, content, author=SYSTEM)
        saved.add(content)

    def move(self, saved: set[bytes], path: str, target: str) -> None:
        versions.move(NS, path, target, author=SYSTEM)

    def delete(self, saved: set[bytes], path: str) -> None:
        versions.delete(NS, path, author=SYSTEM)

    def undelete(self, saved: set[bytes], number: int) -> None:
        rows = list(selectors.trash(NS))
        if number < len(rows):
            versions.undelete(rows[number], author=SYSTEM)

    def restore(self, saved: set[bytes], path: str, number: int) -> None:
        versions.restore(NS, path, selectors.version(NS, path, number), author=SYSTEM)

    def outside(self, saved: set[bytes], path: str, content: bytes) -> None:
        """Something else writes there, as Git does: what lay there has its version."""
        files.write(NS, path, content)


WRITER = """
import django, itertools, sys
django.setup()
from namespaces import files
from namespaces.services import versions
for number in itertools.count(int(sys.argv[1])):
    content = b"%d" % number * 50
    versions.write_all("company.team", [(f"f{n}", content + b" %d" % n) for n in range(3)], author=versions.SYSTEM)
    print(number, flush=True)
    versions.move("company.team", "f0", f"g{number}", author=versions.SYSTEM)
    versions.delete("company.team", f"g{number}", author=versions.SYSTEM)
"""
READER = """
import django, sys
django.setup()
from namespaces import blobs
from namespaces.models import FileVersion
from namespaces.selectors import versions as selectors
paths = set(FileVersion.objects.values_list("path", flat=True))
reachable = {selectors.content(row) for path in paths for row in selectors.history("company.team", path, 5000)}
for number in range(int(sys.argv[1]) + 1):
    for n in range(3):
        content = b"%d" % number * 50 + b" %d" % n
        assert content in reachable, content
print("all", len(reachable))
"""


@pytest.mark.timeout(120)
def test_what_was_told_to_be_saved_outlives_a_process_that_is_killed(tmp_path: Path) -> None:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("KESTRA_WEB_", "DATABASE_URL"))},
        "KESTRA_WEB_HOME": str(tmp_path / "home"),
        "DJANGO_SETTINGS_MODULE": "kestra_web.settings",
        "KESTRA_WEB_DEMO": "false",
    }  # fmt: skip

    def child(code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)

    migrated = child("import django; django.setup()\nfrom django.core.management import call_command as c; c('migrate', verbosity=0)")
    assert migrated.wait(90) == 0
    last = -1
    for pause in (0.05, 0.11, 0.23):
        writer = child(WRITER, str(last + 1))
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(pause)
        writer.kill()
        last = int([first, *writer.stdout.read().split()][-1])
    reader = child(READER, str(last))
    assert reader.communicate(timeout=60)[0].startswith("all ")
    assert last > 1
