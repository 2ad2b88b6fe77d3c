"""What a hostile script, a hostile path and a hostile caller get from the running product: nothing, and no 500."""

from __future__ import annotations

import html
import io
import pwd
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.journeys.signing import signed_in as _signed_in
from tests.stack import Stack, wait_until

pytestmark = [pytest.mark.redis, pytest.mark.timeout(240)]

NS = "company.hostile"
OUTSIDE = ("../x", "../../x", "/etc/x", "a/../../x", "a/../../../x", "..\\x", "C:\\x", "C:/x", "\\\\host\\share\\x", "a\0b", "..", ".", "")
WRAPPED = ("{}", "/{}", "./{}", "%2e%2e/{}")
PATHS = list(dict.fromkeys(wrap.format(path) for path in OUTSIDE for wrap in WRAPPED))
THIEF = """id: thief
namespace: company.hostile
tasks:
  - id: steal
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    script: |
      echo "id $(id -u)"
      env | sed 's/^/env /'
      cat {beside} 2>/dev/null | sed 's/^/SEEN /'
      for pid in {pids}; do tr '\\0' '\\n' < /proc/$pid/environ | sed 's/^/GOT environ /'; done
      find {home} -maxdepth 3 -readable 2>/dev/null | grep -E 'sqlite3|[.]db|key|password|[.]sock' | sed 's/^/GOT file /'
      cat {home}/storage/company/other/_files/x 2>/dev/null | sed 's/^/GOT other /'
      true
"""


def _tree(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("x")}


def test_hostile_paths_change_nothing_outside_the_namespace(live_server_stack: Stack) -> None:
    assert len(PATHS) >= 50
    before = _tree(live_server_stack.home) | _tree(Path("/etc"))
    with live_server_stack.client() as client:
        base = f"/api/v1/main/namespaces/{NS}/files"
        for path in PATHS:
            answers = [
                client.post(base, params={"path": path}, files={"fileContent": ("x", b"hostile")}),
                client.get(base, params={"path": path}),
                client.get(f"{base}/stats", params={"path": path}),
                client.get(f"{base}/directory", params={"path": path}),
                client.post(f"{base}/directory", params={"path": path + "/x"}),
                client.put(base, params={"from": path, "to": "here"}),
                client.put(base, params={"from": "here", "to": path}),
            ]
            assert all(answer.status_code < 500 for answer in answers), (path, [answer.status_code for answer in answers])
    made = (_tree(live_server_stack.home) | _tree(Path("/etc"))) - before
    assert all("/storage/company/hostile/_files/" in path for path in made), made


def test_hostile_paths_change_nothing_outside_the_namespace_through_the_pages(live_server_stack: Stack) -> None:
    before = _tree(live_server_stack.home) | _tree(Path("/etc"))
    pages, base = _signed_in(live_server_stack), f"/namespaces/{NS}/files"
    assert pages.post("/namespaces/create/", data={"name": NS}).status_code < 500
    assert pages.post(f"{base}/create/", data={"path": "here"}).status_code == 200
    for path in PATHS:
        answers = [
            pages.post(f"{base}/create/", data={"path": path}),
            pages.post(f"{base}/create/", data={"path": f"{path}/x", "kind": "folder"}),
            pages.post(f"{base}/save/", data={"path": path, "content": "hostile", "force": "1"}),
            pages.post(f"{base}/rename/", data={"path": "here", "to": path}),
            pages.post(f"{base}/rename/", data={"path": path, "to": "there"}),
            pages.post(f"{base}/upload/", data={"folder": path}, files={"files": ("x", b"hostile")}),
            pages.post(f"{base}/upload/", files={"files": (path.replace("\0", "") or "x", b"hostile")}),
            pages.post(f"{base}/delete/", data={"path": path}),
            pages.post(f"{base}/restore/", params={"path": path, "token": f"{path}"}),
            pages.post(f"{base}/restore/", params={"path": path, "token": f"1-{'0' * 16}/{path}"}),
            pages.get(f"{base}/", params={"path": path}),
            pages.get(f"{base}/branch/", params={"path": path}),
            pages.get(f"{base}/download/", params={"path": path}),
        ]
        assert all(answer.status_code < 500 for answer in answers), (path, [answer.status_code for answer in answers])
        assert not any("root:x:" in answer.text for answer in answers), path
        pages.post(f"{base}/create/", data={"path": "here"})
    made = (_tree(live_server_stack.home) | _tree(Path("/etc"))) - before
    assert all("/storage/company/hostile/_" in path for path in made), made


def _zip(*entries: tuple[str, bytes, int]) -> bytes:
    """An archive of (name, content, Unix mode)."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.create_system = 3
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return target.getvalue()


def test_a_hostile_archive_leaves_its_namespace_by_no_door(live_server_stack: Stack) -> None:
    before = _tree(live_server_stack.home) | _tree(Path("/etc"))
    base = f"/namespaces/{NS}/files"
    link, plain = stat.S_IFLNK | 0o777, stat.S_IFREG | 0o644
    archives = [
        *(_zip((path, b"hostile", plain)) for path in OUTSIDE if path and "\0" not in path),
        _zip(("way", b"/etc", link), ("way/x", b"hostile", plain)),
        _zip(("way", b"../../../..", link), ("way/x", b"hostile", plain)),
        _zip(("x", b"one", plain), ("x/x", b"two", plain)),
        _zip(*((f"many/{number}", b"", plain) for number in range(10_001))),
        _zip(*((f"big{number}", b"\0" * 120_000_000, plain) for number in range(10))),
        _lying(_zip(("small", b"\0" * 5_000_000, plain))),
        b"PK\x03\x04 no archive",
        b"",
    ]
    encrypted = bytearray(_zip(("sealed", b"x" * 100, plain)))
    for place in (encrypted.index(b"PK\x03\x04") + 6, encrypted.index(b"PK\x01\x02") + 8):
        encrypted[place] |= 1
    archives.append(bytes(encrypted))
    whole = _zip(("first.yml", b"kept", plain), ("second.yml", b"x" * 100_000, plain))
    archives += [whole[:place] + b"\xff" + whole[place + 1 :] for place in range(10, len(whole), 7)]
    pages = _signed_in(live_server_stack)
    with live_server_stack.client() as client:
        for number, archive in enumerate(archives):
            answers = [
                pages.post(f"{base}/upload/", data={"unpack": "on", "folder": ""}, files={"files": ("a.zip", archive)}),
                client.post(f"/api/v1/main{base}", params={"path": "/a.zip"}, files={"fileContent": ("a.zip", archive)}),
                client.post("/api/v1/main/flows/import", files={"fileUpload": ("a.zip", archive)}),
            ]
            assert all(answer.status_code < 500 for answer in answers), (number, [answer.status_code for answer in answers])
    folder = live_server_stack.home / "storage/company/hostile/_files"
    assert not [path for path in folder.rglob("*") if path.is_symlink()]
    assert not (folder / "many").exists()
    assert not list(folder.glob("big*"))
    made = (_tree(live_server_stack.home) | _tree(Path("/etc"))) - before
    assert all("/storage/company/hostile/_files/" in path for path in made), made
    assert live_server_stack.is_healthy()


def _lying(archive: bytes) -> bytes:
    """The archive with sizes that say nothing lies in it, in both places where they stand."""
    size = (5_000_000).to_bytes(4, "little")
    assert archive.count(size) == 2
    return archive.replace(size, (1).to_bytes(4, "little"))


def _run(client: httpx.Client, flow: str, source: str) -> str:
    client.post("/api/v1/main/flows", content=source, headers={"content-type": "application/x-yaml"}).raise_for_status()
    identity = str(client.post(f"/api/v1/main/executions/{NS}/{flow}", files={"x": ("", b"")}).json()["id"])
    ended = ("SUCCESS", "WARNING", "FAILED", "KILLED")
    wait_until(lambda: client.get(f"/api/v1/main/executions/{identity}").json()["state"]["current"] in ended, 60, "its end")
    return identity


def _log(client: httpx.Client, identity: str) -> str:
    return "\n".join(line.get("message") or "" for line in client.get(f"/api/v1/main/logs/{identity}").json())


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter: what a thief does not get there is kept by the product, not by pytest's own folders."""
    folder = Path(tempfile.mkdtemp(prefix="kestra_web-hostile-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def _theft(folder: Path, **settings: str) -> str:
    """What a thief tells who is let loose on a product with these settings."""
    stack = Stack(folder / "home", settings={"KESTRA_WEB_DEMO": "false", "SECRET_TOKEN": "aGlkZGVuLXZhbHVl", **settings})
    beside = folder / "beside"
    beside.write_text("free for all\n")
    beside.chmod(0o644)
    try:
        stack.start()
        pids = " ".join(str(stack.pid(name)) for name in ("web", "worker", "scheduler", "redis"))
        with stack.client() as client:
            client.post("/api/v1/main/namespaces/company.other/files", params={"path": "/x"}, files={"fileContent": ("x", b"other's")})
            assert (stack.home / "storage/company/other/_files/x").read_bytes() == b"other's"
            return _log(client, _run(client, "thief", THIEF.format(pids=pids, home=stack.home, beside=beside)))
    finally:
        stack.stop()


def _told(log: str, kind: str) -> list[str]:
    return [line.removeprefix(f"{kind} ") for line in log.splitlines() if line.startswith(f"{kind} ")]


@pytest.mark.root
def test_a_script_under_another_uid_reads_nothing_of_the_server(open_folder: Path) -> None:
    log = _theft(open_folder, KESTRA_WEB_RUN_AS="nobody")
    assert f"id {pwd.getpwnam('nobody').pw_uid}" in log
    assert _told(log, "SEEN") == ["free for all"]
    assert _told(log, "GOT") == []
    names = {line.split("=")[0] for line in _told(log, "env")}
    assert "PATH" in names
    assert not {name for name in names if name in ("DATABASE_URL", "REDIS_URL") or name.startswith(("KESTRA_WEB_", "SECRET_"))}


@pytest.mark.root
def test_the_same_script_finds_everything_where_it_has_the_servers_rights(open_folder: Path) -> None:
    """Without this the test above could pass with a script that steals nothing anywhere."""
    log = _theft(open_folder)
    assert _told(log, "GOT environ")
    assert any("sqlite3" in path for path in _told(log, "GOT file"))
    assert _told(log, "GOT other") == ["other's"]
    values = "\n".join(_told(log, "GOT environ"))
    assert "hidden-value" not in values
    assert "aGlkZGVu" not in values, "a secret stays in the environment of a server process"


def test_a_run_with_the_servers_rights_says_so(live_server_stack: Stack) -> None:
    source = (
        f"id: plain\nnamespace: {NS}\ntasks:\n  - id: hello\n    type: io.kestra.plugin.scripts.shell.Script\n"
        "    taskRunner: {type: io.kestra.plugin.core.runner.Process}\n    script: echo hello\n"
    )
    with live_server_stack.client() as client:
        identity = _run(client, "plain", source)
        page = _signed_in(live_server_stack).get(f"/executions/{identity}/").text
    assert "runs with the server's rights" in html.unescape(page)


def test_a_secret_is_nowhere_but_in_the_task(make_stack: object) -> None:
    value = "zq-hidden-7391-value"
    stack: Stack = make_stack(KESTRA_WEB_DEMO="false", SECRET_TOKEN="enEtaGlkZGVuLTczOTEtdmFsdWU=")  # type: ignore[operator]  # a fixture that is a function
    stack.start()
    source = f"""id: loud
namespace: {NS}
tasks:
  - {{id: log, type: io.kestra.plugin.core.log.Log, message: "it is {{{{ secret('TOKEN') }}}}"}}
  - {{id: back, type: io.kestra.plugin.core.debug.Return, format: "{{{{ secret('TOKEN') }}}}"}}
  - id: shell
    type: io.kestra.plugin.scripts.shell.Script
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    env: {{IT: "{{{{ secret('TOKEN') }}}}"}}
    script: 'echo "$IT"; echo "::{{\\"outputs\\":{{\\"it\\":\\"$IT\\"}}}}::"; false'
errors:
  - {{id: fail, type: io.kestra.plugin.core.execution.Fail, errorMessage: "{{{{ secret('TOKEN') }}}}"}}
"""
    with stack.client() as client:
        identity = _run(client, "loud", source)
        signed_in = _signed_in(stack)
        pages = [signed_in.get(f"/executions/{identity}/{tab}").raise_for_status().text for tab in ("", "gantt/", "logs/", "outputs/")]
        texts = [_log(client, identity), client.get(f"/api/v1/main/executions/{identity}").text, *pages]
    assert "it is" in texts[0]
    assert not [text for text in texts if value in text]
    database = [path for path in (stack.home / "database").iterdir() if path.is_file()]
    assert any(b"it is" in path.read_bytes() for path in database), "the log line is in the database"
    held = [path for path in database if value.encode() in path.read_bytes()]
    assert not held
