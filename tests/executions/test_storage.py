"""Internal storage, in a folder and in a bucket of a server that speaks S3: the same words, the same answers."""

from __future__ import annotations

import io
import os
import time
import tracemalloc
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client
from django.utils import timezone
from moto.server import ThreadedMotoServer

from executions import cleaning, models, s3_storage, services, storage
from executions.kept_files import Kept
from tests import builders
from tests.executions.flows import CORE, NAMESPACE, PROCESS, save, start, work_off
from ui.errors import Invalid, Missing

pytestmark = [pytest.mark.redis, pytest.mark.django_db(transaction=True)]
URI = "kestra:///exec/test/a-flow/executions/1/tasks/t/2/a file.txt"
KEYS = {"access_key": "key-of-test", "secret_key": "secret-of-test"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A server that speaks S3, with one bucket."""
    made = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    address = f"http://{host}:{port}"
    names = {"aws_access_key_id": KEYS["access_key"], "aws_secret_access_key": KEYS["secret_key"], "region_name": "us-east-1"}
    boto3.client("s3", endpoint_url=address, **names).create_bucket(Bucket="kestra-test")
    yield address
    made.stop()


@pytest.fixture(params=["folder", "bucket"])
def place(request: pytest.FixtureRequest, settings: Any, tmp_path: Path) -> Iterator[str]:
    """Where files are kept in this test."""
    settings.KESTRA_HOME, settings.KESTRA_STORAGE, settings.KESTRA_S3 = tmp_path, tmp_path / "storage", None
    if request.param == "bucket":
        in_bucket(settings, request.getfixturevalue("server"), tmp_path.name)
    yield request.param
    storage._bucket.cache_clear()


def in_bucket(settings: Any, server: str, prefix: str, **more: str) -> None:
    """Keep files in the bucket from now on."""
    settings.KESTRA_S3 = {"bucket": "kestra-test", "prefix": prefix, "endpoint": server, "region": "us-east-1", **KEYS, **more}


def test_a_file_is_kept_measured_read_and_deleted(place: str) -> None:
    assert storage.kept(URI) is None
    with pytest.raises(Missing, match="No such file or directory"):
        storage.existing(URI)
    with pytest.raises(Missing):
        storage.size(URI)
    assert storage.write(URI, "é".encode()) == 2
    assert storage.existing(URI).read_text() == "é"
    found = storage.kept(URI)
    assert isinstance(found, Kept)
    assert (found.size, storage.size(URI)) == (2, 2)
    assert abs(found.modified - timezone.now()) < timedelta(minutes=1)
    assert storage.delete(URI)
    assert not storage.delete(URI)
    assert storage.kept(URI) is None


def test_a_file_that_was_replaced_is_read_as_it_is_now(place: str) -> None:
    for text in ("one", "two", "other"):
        storage.write(URI, text.encode())
        assert storage.existing(URI).read_text() == text


def test_an_empty_file_is_a_file(place: str) -> None:
    assert storage.write(URI, b"") == 0
    assert storage.existing(URI).read_bytes() == b""
    assert storage.delete(URI)


class Endless(io.RawIOBase):
    """Bytes without an end."""

    def readable(self) -> bool:
        return True

    def read(self, most: int = -1) -> bytes:
        return b"x" * (most if most and most > 0 else 1024)


@pytest.mark.parametrize("source", [lambda: b"x" * 1001, lambda: io.BytesIO(b"x" * 1001), Endless])
def test_what_is_too_large_is_not_kept_at_all(place: str, source: Callable[[], IO[bytes] | bytes]) -> None:
    with pytest.raises(Invalid, match="more than the 1000 bytes"):
        storage.write(URI, source(), 1000)
    assert storage.kept(URI) is None
    assert storage.below("kestra:///exec") == []


def test_what_stops_in_the_middle_leaves_what_was_there(place: str) -> None:
    class Broken(io.BytesIO):
        def read(self, most: int | None = -1) -> bytes:
            if self.tell() > 0:
                raise OSError("the disk is gone")
            return super().read(10)

    storage.write(URI, b"before")
    with pytest.raises(OSError, match="the disk is gone"):
        storage.write(URI, Broken(b"x" * 100))
    assert storage.existing(URI).read_bytes() == b"before"
    assert storage.below("kestra:///exec") == [URI]


def test_a_large_file_goes_through_in_pieces(place: str, tmp_path: Path) -> None:
    source = tmp_path / "large"
    with source.open("wb") as file:
        for number in range(40):
            file.write(bytes([number]) * 1024**2)
    storage.write(URI, b"warm")
    tracemalloc.start()
    with source.open("rb") as file:
        assert storage.write(URI, file) == 40 * 1024**2
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    if place == "folder":  # the server of the other place keeps what it is sent in this process
        assert peak < 8 * 1024**2
    assert storage.existing(URI).read_bytes() == source.read_bytes()


def test_files_below_a_folder_are_listed_and_go_together(place: str) -> None:
    names = [f"kestra:///exec/test/a-flow/executions/1/{name}" for name in ("inputs/x/1", "tasks/t/2/b/c.txt", "tasks/t/2/d")]
    other = "kestra:///exec/test/a-flow/executions/10/inputs/x/1"
    for uri in (*names, other):
        storage.write(uri, b"x")
    assert storage.below("kestra:///exec/test/a-flow/executions/1") == names
    assert storage.below("kestra:///exec/test/a-flow/executions/1/tasks/") == names[1:]
    assert storage.delete_execution("exec.test", "a_flow", "1") == names
    assert storage.delete_execution("exec.test", "a_flow", "1") == []
    assert storage.below("kestra:///exec") == [other]


OUT = ("kestra:///../x", "kestra:///a/../../x", "file:///etc/passwd", "kestra://host/x", "kestra:///a\0b", "kestra:///a\\..\\b", "")


def test_no_uri_leads_out(place: str) -> None:
    for uri in OUT:
        for ask in (storage.existing, storage.kept, storage.below, storage.delete, lambda uri: storage.write(uri, b"x")):
            with pytest.raises(Invalid):
                ask(uri)


def test_it_says_where_files_are_kept(place: str, tmp_path: Path) -> None:
    assert storage.check() == ("bucket kestra-test answers" if place == "bucket" else f"folder {tmp_path / 'storage'}")


# --- whole executions


def test_an_execution_keeps_reads_shows_and_loses_its_files(place: str, client: Client) -> None:
    commands = "['mkdir out', 'echo a,b > out/t.csv', 'cat {{ inputs.f }} > out/copy.txt']"
    body = "inputs: [{id: f, type: FILE}]\ntasks:\n"
    body += f"  - {{id: sh, type: io.kestra.plugin.scripts.shell.Commands, {PROCESS}, outputFiles: ['out/*'], commands: {commands}}}\n"
    body += f"  - {{id: join, type: {CORE}.storage.Concat, files: '{{{{ outputs.sh.outputFiles }}}}', extension: .csv}}\n"
    body += f"  - {{id: read, type: {CORE}.debug.Return, format: '{{{{ read(outputs.join.uri) }}}}|{{{{ fileSize(inputs.f) }}}}'}}\n"
    execution = work_off(start(save("files", body), files={"f": ("in put.txt", io.BytesIO(b"hello"))}))
    assert execution.inputs["f"].endswith("/inputs/f/in%20put.txt")
    outputs = dict(execution.task_runs.values_list("task_id", "outputs"))
    assert execution.state == "SUCCESS", list(execution.log_lines.values_list("message", flat=True))
    assert outputs["read"] == {"value": "helloa,b\n|5"}
    uri = outputs["join"]["uri"]
    assert sorted(storage.below(storage.execution_uri(NAMESPACE, "files", execution.id))) == sorted(
        [execution.inputs["f"], uri, *outputs["sh"]["outputFiles"].values()]
    )
    client.force_login(builders.people()["admin"])
    root = f"/api/v1/executions/{execution.id}/file"
    assert b"".join(client.get(root, {"path": uri}).streaming_content) == b"helloa,b\n"
    assert 'filename="in put.txt"' in client.get(root, {"path": execution.inputs["f"]})["Content-Disposition"]
    shown = client.get(f"/executions/{execution.id}/file/", {"path": outputs["sh"]["outputFiles"]["out/t.csv"]})
    assert (shown.status_code, b"<td>b</td>" in shown.content or b"<th>b</th>" in shown.content) == (200, True), shown.content
    assert client.get(f"{root}/metas", {"path": uri}).json() == {"size": 9}
    assert client.get(f"{root}/preview", {"path": outputs["sh"]["outputFiles"]["out/t.csv"]}).json()["type"] == "LIST"
    services.delete(user=None, execution_id=execution.id)
    assert storage.below("kestra:///exec") == []


def test_files_that_are_too_old_go(place: str) -> None:
    execution = work_off(start(save("old", f"tasks:\n  - {{id: w, type: {CORE}.storage.Write, content: x}}\n")))
    models.Execution.objects.filter(id=execution.id).update(ended=timezone.now() - timedelta(days=31))
    cleaning.clean()
    assert storage.below(storage.execution_uri(NAMESPACE, "old", execution.id)) == []
    assert models.Execution.objects.filter(id=execution.id).exists()


# --- what only a bucket has


@pytest.fixture
def bucket(settings: Any, server: str, tmp_path: Path) -> Iterator[Path]:
    """A place in the bucket; gives the folder of copies."""
    settings.KESTRA_HOME = tmp_path
    in_bucket(settings, server, "deep/er")
    yield tmp_path / "copies"
    storage._bucket.cache_clear()


def test_a_copy_is_made_once_and_let_go_when_nobody_reads_it(bucket: Path) -> None:
    storage.write(URI, b"x")
    first = storage.existing(URI)
    inode = first.stat().st_ino
    assert storage.existing(URI).stat().st_ino == inode
    assert first.is_relative_to(bucket)
    assert bucket.stat().st_mode & 0o077 == 0
    storage.tidy()
    assert first.exists()
    os.utime(first, (time.time() - 2 * s3_storage.UNREAD_SECONDS,) * 2)
    storage.tidy()
    assert not first.exists()
    assert storage.existing(URI).read_bytes() == b"x"


def test_keys_lie_below_the_prefix(bucket: Path, server: str) -> None:
    storage.write(URI, b"x")
    names = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "region_name": "us-east-1"}
    listed = boto3.client("s3", endpoint_url=server, **names).list_objects_v2(Bucket="kestra-test", Prefix="deep/")["Contents"]
    assert [entry["Key"] for entry in listed] == ["deep/er/exec/test/a-flow/executions/1/tasks/t/2/a file.txt"]


@pytest.mark.parametrize("more", [{"bucket": "no-such-bucket"}, {"endpoint": "http://127.0.0.1:9"}])
def test_a_storage_that_is_away_is_told_without_secrets(
    bucket: Path, settings: Any, server: str, more: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    in_bucket(settings, server, "x", **more)
    for ask in (lambda: storage.write(URI, b"x"), lambda: storage.below("kestra:///exec"), storage.check):
        with pytest.raises(s3_storage.StorageAway) as told:
            ask()
        assert KEYS["secret_key"] not in told.value.message
    assert KEYS["secret_key"] not in caplog.text
    execution = work_off(start(save("away", f"tasks:\n  - {{id: w, type: {CORE}.storage.Write, content: x}}\n")))
    assert execution.state == "FAILED"
    assert "storage" in execution.log_lines.get(level=4).message


def test_a_missing_library_is_named(bucket: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage._bucket.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "executions.s3_storage", None)
    with pytest.raises(ImproperlyConfigured, match=r"kestra-web\[s3\]"):
        storage.existing(URI)
