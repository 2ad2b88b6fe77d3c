"""Hostile paths of namespace files: none leaves its folder, each is refused with a sentence."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest
from pytest_django import Settings

from namespaces import blobs, files
from namespaces.paths import BadNamespace, UnsafePath, check_namespace, clean, namespace_folders
from namespaces.services import versions
from ui.errors import Conflict, KestraError, Missing

NS = "company.team"
REFUSED = [
    "..", "../x", "a/../x", "a/..", "/../x", "/..", "../../etc/passwd", "a/b/../../../x", "..//x", "./../x", "a/./../b", ".. /x", "...",
    "a/.../b",
    " ..", ".. ", "a/ ../b", "..\\x", "a\\..\\b", "\\\\server\\share\\x", "C:\\Windows\\win.ini", "C:/Windows/win.ini", "c:", "a/C:x",
    "x:stream",
    "file.txt::$DATA", "a\x00b", "\x00", "a/\x00/b", "a\nb", "a\rb", "a\tb", "\x1b[31m", "a\x7f", "CON", "con.txt", "a/NUL",
    "nul.tar.gz", "Aux.sql", "PRN",
    "COM1", "lpt9.log", "COM¹", "name.", "name ", " name", "a/b. /c",
    "x" * 256, "é" * 128, "/".join(["a"] * 33), "/".join(["abcdefghij"] * 100),
    "a\u202egnp.exe", "\u2066x", "\ud800", ".kestra-web-upload-1234", "a/.kestra-web-upload-x",
]  # fmt: skip
HARMLESS = [
    ("/etc/passwd", "etc/passwd"), ("//etc//passwd", "etc/passwd"), ("./a", "a"), ("a/./b", "a/b"), ("a/b/", "a/b"), ("~/.ssh/id_rsa",
    "~/.ssh/id_rsa"),
    ("$HOME/x", "$HOME/x"), ("%2e%2e/x", "%2e%2e/x"), ("..x", "..x"), ("x..", None), (".hidden", ".hidden"), ("`id`", "`id`"), ("-rf",
    "-rf"),
    ("a b.sql", "a b.sql"), ("größe/日本.sql", "größe/日本.sql"), ("contact.sql", "contact.sql"), ("com10.txt", "com10.txt"), ("_files/x",
    "_files/x"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> Path:
    """A storage folder of this test's own, with something outside that must never be reached."""
    settings.KESTRA_STORAGE = tmp_path / "storage"
    (tmp_path / "storage").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("secret")
    return tmp_path / "storage"


def folder(storage: Path) -> Path:
    made = storage / "company" / "team" / "_files"
    made.mkdir(parents=True, exist_ok=True)
    return made


@pytest.mark.parametrize("path", REFUSED)
def test_a_hostile_path_is_refused_by_every_door(path: str, storage: Path) -> None:
    files.write(NS, "kept.txt", b"kept")
    with blobs.changing(NS):
        before = sorted(str(found) for found in storage.parent.rglob("*"))
    doors = [
        lambda: files.read(NS, path),
        lambda: files.write(NS, path, b"x"),
        lambda: files.delete(NS, path),
        lambda: files.make_dir(NS, path),
        lambda: files.move(NS, "kept.txt", path),
        lambda: files.move(NS, path, "moved.txt"),
        lambda: files.stats(NS, path),
        lambda: files.list_dir(NS, path),
        lambda: versions.write(NS, path, b"x", author=versions.SYSTEM),
        lambda: versions.write_all(NS, [(path, b"x")], author=versions.SYSTEM),
        lambda: versions.delete(NS, path, author=versions.SYSTEM),
        lambda: versions.move(NS, "kept.txt", path, author=versions.SYSTEM),
        lambda: versions.record(NS, [path]),
    ]
    for door in doors:
        with pytest.raises(UnsafePath) as refused:
            door()
        assert refused.value.status == 422
        assert refused.value.message.endswith((".", "device on Windows; choose another."))
    assert sorted(str(found) for found in storage.parent.rglob("*")) == before


@pytest.mark.parametrize(("path", "cleaned"), HARMLESS)
def test_a_path_that_only_looks_hostile_stays_inside(path: str, cleaned: str | None, storage: Path) -> None:
    if cleaned is None:
        with pytest.raises(UnsafePath):
            clean(path)
        return
    files.write(NS, path, b"inside")
    assert files.read(NS, cleaned) == b"inside"
    assert (folder(storage) / cleaned).read_bytes() == b"inside"
    assert (storage.parent / "outside" / "secret").read_text() == "secret"


@pytest.mark.parametrize("door", ["folder", "file", "parent"])
def test_a_symbolic_link_is_never_followed(door: str, storage: Path) -> None:
    here = folder(storage)
    outside = storage.parent / "outside"
    (here / "folder").symlink_to(outside, target_is_directory=True)
    (here / "file").symlink_to(outside / "secret")
    (here / "parent").symlink_to("../../..")
    tries = [
        lambda: files.read(NS, f"{door}/secret"),
        lambda: files.read(NS, door),
        lambda: files.list_dir(NS, door),
        lambda: files.stats(NS, f"{door}/secret"),
        lambda: files.write(NS, f"{door}/secret", b"gone"),
    ]
    for one in tries:
        with pytest.raises(KestraError):
            one()
    assert [entry.path for entry in files.walk(NS)] == []
    assert files.list_dir(NS) == []
    files.write(NS, "file", b"mine")  # replaces the link itself
    assert (outside / "secret").read_text() == "secret"
    assert files.read(NS, "file") == b"mine"


def test_a_link_in_the_place_of_the_namespace_is_not_followed(storage: Path) -> None:
    (storage / "company").mkdir()
    (storage / "company" / "team").symlink_to(storage.parent / "outside", target_is_directory=True)
    with pytest.raises(KestraError):
        files.write(NS, "x", b"x")
    assert sorted(found.name for found in (storage.parent / "outside").iterdir()) == ["secret"]


def test_deleting_a_link_keeps_what_it_points_to(storage: Path) -> None:
    (folder(storage) / "link").symlink_to(storage.parent / "outside", target_is_directory=True)
    assert files.delete(NS, "link") is True
    assert (storage.parent / "outside" / "secret").exists()


def test_deleting_a_folder_keeps_what_links_in_it_point_to(storage: Path) -> None:
    files.make_dir(NS, "a")
    (folder(storage) / "a" / "link").symlink_to(storage.parent / "outside", target_is_directory=True)
    assert files.delete(NS, "a") is True
    assert (storage.parent / "outside" / "secret").exists()


def test_a_pipe_is_not_read(storage: Path) -> None:
    os.mkfifo(folder(storage) / "pipe")
    with pytest.raises(Missing):
        files.read(NS, "pipe")
    assert files.list_dir(NS) == []


@pytest.mark.parametrize(
    "name", ["", ".", "..", "A", "a/b", "../a", "a b", "-a", ".a", "_a", "a\n", "a\x00", "é", "a" * 151, "a\\b", "a:b"]
)
def test_a_wrong_namespace_is_refused(name: str) -> None:
    with pytest.raises(BadNamespace):
        check_namespace(name)
    with pytest.raises(BadNamespace):
        files.write(name, "x", b"x")


def test_namespaces_never_share_a_folder() -> None:
    names = ["a", "a.b", "a..b", "a._files", "a._kv", "a.b._files", "a.", "a_files", "a.__files", "a.-", "a-"]
    assert len({namespace_folders(name) for name in names}) == len(names)
    assert all(part not in ("", ".", "..", "_files", "_trash") for name in names for part in namespace_folders(name))


def test_a_file_of_one_namespace_is_not_one_of_the_namespace_below() -> None:
    files.write("a", "_files/x", b"of a")
    files.write("a._files", "x", b"of a._files")
    assert files.read("a", "_files/x") == b"of a"
    assert files.read("a._files", "x") == b"of a._files"


@pytest.mark.parametrize("name", ["../x", "/../x", "a/../../x", "..\\x", "con"])
def test_a_zip_with_a_hostile_name_writes_nothing(name: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("good.txt", "x")
        made.writestr(name, "x")
    with pytest.raises(UnsafePath):
        versions.import_zip(NS, archive, author=versions.SYSTEM)
    assert list(files.walk(NS)) == []


def test_a_copy_replaces_links_that_a_task_planted(tmp_path: Path) -> None:
    files.write(NS, "models/a.sql", b"select 1")
    files.write(NS, "b.txt", b"b")
    working = tmp_path / "working"
    working.mkdir()
    (working / "b.txt").symlink_to(tmp_path / "outside" / "secret")
    assert files.copy_to(NS, working) == ["b.txt", "models/a.sql"]
    assert (working / "b.txt").read_text() == "b"
    assert (tmp_path / "outside" / "secret").read_text() == "secret"
    (working / "models" / "a.sql").unlink()
    (working / "models").rmdir()
    (working / "models").symlink_to(tmp_path / "outside", target_is_directory=True)
    with pytest.raises(Conflict):
        files.copy_to(NS, working)
    assert sorted(found.name for found in (tmp_path / "outside").iterdir()) == ["secret"]


def test_a_large_file_is_copied_whole_and_apart_from_the_original(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    files.write(NS, "large.bin", content)
    files.write(NS, "small.bin", content[:1000])
    working = tmp_path / "working"
    working.mkdir()
    assert files.copy_to(NS, working) == ["large.bin", "small.bin"]
    assert (working / "large.bin").read_bytes() == content
    with (working / "large.bin").open("r+b") as copy:
        copy.write(b"changed by a task")
    assert files.read(NS, "large.bin") == content
