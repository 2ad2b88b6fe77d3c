"""The Docker task runner with a real engine, and what it does without one."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from plugins.contract import Result, TaskFailed
from plugins.scripts.runner.docker._engine import login, registry_of
from plugins.scripts.runner.docker._files import unpack
from plugins.scripts.runner.docker._sizes import size_in_bytes
from plugins.scripts.runner.docker.docker import container_name, labels_of
from plugins.scripts.shell.commands import Commands
from tests.plugins.context import MemoryContext

DOCKER = "io.kestra.plugin.scripts.runner.docker.Docker"
IMAGE = "kestra-web-test:small"
PROGRAMS = ("sh", "cat", "ls", "sleep", "id", "env", "mkdir", "rm", "hostname", "seq", "touch", "chmod")


def commands(*lines: str, image: str = IMAGE, runner: dict[str, Any] | None = None, **given: Any) -> Commands:
    where = {"type": DOCKER, **(runner or {})}
    return Commands.model_validate({"id": "a", "type": "c", "commands": list(lines), "containerImage": image, "taskRunner": where, **given})


def failure_of(task: Commands, context: MemoryContext) -> TaskFailed:
    with pytest.raises(TaskFailed) as caught:
        task.run(context)
    return caught.value


def outputs(result: Result) -> dict[str, Any]:
    return dict(result.outputs or {})


def small_image() -> bytes:
    """A tar archive of this machine's own programs: all that an image needs."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        files = {f"/bin/{name}": os.path.realpath(shutil.which(name) or f"/bin/{name}") for name in PROGRAMS}
        for program in list(files.values()):
            listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False).stdout
            files |= {found: os.path.realpath(found) for found in re.findall(r"(/\S+)", listed)}
        for name, source in files.items():
            tar.add(source, arcname=name.lstrip("/"))
        tmp = tarfile.TarInfo("tmp")
        tmp.type, tmp.mode = tarfile.DIRTYPE, 0o1777
        tar.addfile(tmp)
    return archive.getvalue()


@pytest.fixture(scope="module")
def engine() -> Iterator[docker.DockerClient]:
    """The engine, with a small image made of this machine's own programs."""
    client = docker.from_env()
    client.api.import_image_from_data(small_image(), repository="kestra-web-test", tag="small")
    yield client
    client.close()


def containers(engine: docker.DockerClient, context: MemoryContext) -> list[Any]:
    labels = [f"{name}={value}" for name, value in labels_of(context).items()]
    return list(engine.containers.list(all=True, filters={"label": labels}))


@pytest.mark.docker
@pytest.mark.parametrize("strategy", ["VOLUME", "MOUNT"])
def test_files_go_in_and_come_back(engine: docker.DockerClient, context: MemoryContext, strategy: str) -> None:
    task = commands(
        "cat in/hello.txt",
        "echo problem >&2",
        "mkdir -p out/deep",
        "cat in/hello.txt > out/deep/copy.txt",
        "echo direct > {{ outputDir }}/direct.txt",
        """echo '::{"outputs":{"place":"'$(hostname)'"}}::'""",
        runner={"fileHandlingStrategy": strategy},
        inputFiles={"in/hello.txt": "Hello World\n"},
        outputFiles=["out/**"],
    )
    given = outputs(task.run(context))
    files = {name: context.storage.text(uri) for name, uri in given["outputFiles"].items()}
    assert files == {"direct.txt": "direct\n", "out/deep/copy.txt": "Hello World\n"}
    assert context.lines("INFO") == ["Hello World"]
    assert context.lines("ERROR") == ["problem"]
    assert given["vars"]["place"] != os.uname().nodename
    assert context.headers["runner"] == f"Docker, image {IMAGE}"
    assert containers(engine, context) == []


@pytest.mark.docker
def test_outputs_are_kept_after_a_failure(engine: docker.DockerClient, context: MemoryContext) -> None:
    failed = failure_of(commands("""echo '::{"outputs":{"a":1}}::'""", "echo x > kept.txt", "exit 7", outputFiles=["kept.txt"]), context)
    assert failed.message.startswith("Command failed with exit code 7")
    assert (failed.outputs or {})["exitCode"] == 7
    assert (failed.outputs or {})["vars"] == {"a": 1}
    assert "kept.txt" in (failed.outputs or {})["outputFiles"]
    assert containers(engine, context) == []


@pytest.mark.docker
def test_the_environment_of_the_server_stays_outside(
    engine: docker.DockerClient, context: MemoryContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://secret")
    commands("env", env={"MINE": "1"}).run(context)
    assert "MINE=1" in context.lines("INFO")
    assert not any("secret" in line for line in context.lines())


@pytest.mark.docker
def test_a_user_and_limits_are_applied(engine: docker.DockerClient, context: MemoryContext) -> None:
    task = commands("id -u", "echo x > {{ workingDir }}/mine.txt", "sleep 3", runner={"user": "1234", "cpu": {"cpus": "0.5"}})
    seen: dict[str, Any] = {}

    def look() -> None:
        for _ in range(50):
            for container in containers(engine, context):
                if container.status == "running":
                    seen.update(container.attrs["HostConfig"])
                    return
            time.sleep(0.1)

    watcher = threading.Thread(target=look)
    watcher.start()
    task.run(context)
    watcher.join()
    assert context.lines("INFO") == ["1234"]
    assert seen["NanoCpus"] == 500_000_000
    assert (context.working_dir / "mine.txt").read_text() == "x\n"


@pytest.mark.docker
def test_a_killed_task_leaves_no_container(engine: docker.DockerClient, context: MemoryContext) -> None:
    context.cancel_after(2.0)
    began = time.monotonic()
    failed = failure_of(commands("echo started", "sleep 100"), context)
    assert failed.state == "KILLED"
    assert time.monotonic() - began < 7
    assert context.lines("INFO") == ["started"]
    assert containers(engine, context) == []


@pytest.mark.docker
def test_a_polite_signal_comes_first_where_time_is_given(engine: docker.DockerClient, context: MemoryContext) -> None:
    context.cancel_after(1.5)
    failure_of(
        commands("(trap 'echo heard; exit 0' TERM; echo ready; while true; do sleep 0.1; done)", runner={"killGracePeriod": "PT5S"}),
        context,
    )
    assert "heard" in context.lines("INFO")


@pytest.mark.docker
def test_a_task_that_takes_too_long_is_stopped(engine: docker.DockerClient, context: MemoryContext) -> None:
    assert "timeout of 1 seconds" in failure_of(commands("sleep 100", timeout="PT1S"), context).message
    assert containers(engine, context) == []


FIRST_WORKER = """
import sys
from pathlib import Path
from plugins.contract import Settings
from tests.plugins.context import FolderEnvironments, MemoryContext
from tests.plugins.scripts.test_docker import COUNTING, commands

folder = Path(sys.argv[1])
context = MemoryContext(folder, Settings(home=folder), FolderEnvironments(folder), task_run_id=sys.argv[2])
context.log = lambda level, message, **given: level == "INFO" and print(message, flush=True)
commands(*COUNTING).run(context)
"""
COUNTING = ["for i in $(seq 1 8); do echo line $i; sleep 0.5; done", """echo '::{"outputs":{"done":true}}::'"""]


@pytest.mark.docker
def test_a_container_is_found_again_after_its_worker_died(engine: docker.DockerClient, make_context: Callable[..., MemoryContext]) -> None:
    second = make_context(resumed=True)
    root = Path(__file__).parents[3]
    words = [sys.executable, "-c", FIRST_WORKER, second.folder, second.task_run_id]
    first = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root)
    assert first.stdout is not None
    told = [first.stdout.readline().strip() for _ in range(4)]
    first.kill()
    told += first.stdout.read().split("\n")
    first.wait()
    started = [container.id for container in containers(engine, second)]
    result = commands(*COUNTING).run(second)
    assert second.containers == started
    assert outputs(result)["vars"] == {"done": True}
    lines = [line for line in second.lines("INFO") if line.startswith("line")]
    assert lines[-1] == "line 8"
    assert len(lines) < 8
    assert {*told, *lines} - {""} == {f"line {number}" for number in range(1, 9)}
    assert containers(engine, second) == []


@pytest.mark.docker
def test_a_missing_image_is_told_by_its_name(engine: docker.DockerClient, context: MemoryContext) -> None:
    failed = failure_of(commands("true", image="kestra-web-test:absent", runner={"pullPolicy": "NEVER"}), context)
    assert "kestra-web-test:absent" in failed.message
    assert "not found" in failed.message


@pytest.mark.docker
def test_a_volume_must_be_allowed(engine: docker.DockerClient, make_context: Callable[..., MemoryContext], tmp_path: Path) -> None:
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "data.txt").write_text("shared\n")
    (tmp_path / "allowed" / "way-out").symlink_to("/etc")
    context = make_context(volumes=(str(tmp_path / "allowed"),))
    commands("cat /data/data.txt", runner={"volumes": [f"{tmp_path}/allowed:/data:ro"]}).run(context)
    assert context.lines("INFO") == ["shared"]
    for refused in (
        "/etc:/data",
        f"{tmp_path}/allowed/../..:/data",
        f"{tmp_path}/allowed/way-out:/data",
        "named:/data",
        "/var/run/docker.sock:/s",
    ):
        assert "is not allowed" in failure_of(commands("true", runner={"volumes": [refused]}), context).message


@pytest.mark.docker
def test_a_folder_may_be_mounted_into_every_container(
    engine: docker.DockerClient, make_context: Callable[..., MemoryContext], tmp_path: Path
) -> None:
    (tmp_path / "warehouse").mkdir()
    context = make_context(volumes=(f"{tmp_path}/warehouse:{tmp_path}/warehouse",))
    commands(f"echo kept > {tmp_path}/warehouse/file.txt").run(context)
    assert (tmp_path / "warehouse" / "file.txt").read_text() == "kept\n"


@pytest.mark.docker
def test_privileged_is_refused(engine: docker.DockerClient, context: MemoryContext) -> None:
    assert "privileged" in failure_of(commands("true", runner={"privileged": True}), context).message


@pytest.mark.docker
def test_a_hostile_archive_stays_in_its_folder(engine: docker.DockerClient, context: MemoryContext) -> None:
    task = commands("rm -rf x", "mkdir x", "touch good.txt", "cd /tmp && ls > /dev/null", outputFiles=["*.txt"])
    assert list(outputs(task.run(context))["outputFiles"]) == ["good.txt"]


def test_a_link_in_an_archive_does_not_lead_out(tmp_path: Path) -> None:
    folder, outside = tmp_path / "work", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, target in (("work/inside", "sub"), ("work/out", "../outside"), ("work/root", "/etc")):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = tarfile.SYMTYPE, target
            tar.addfile(link)
        device = tarfile.TarInfo("work/device")
        device.type = tarfile.CHRTYPE
        tar.addfile(device)
    unpack([archive.getvalue()], folder)
    assert [path.name for path in folder.iterdir()] == ["inside"]
    climbing = io.BytesIO()
    with tarfile.open(fileobj=climbing, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("work/../outside/planted.txt"))
    with pytest.raises(TaskFailed):
        unpack([climbing.getvalue()], folder)
    assert list(outside.iterdir()) == []


def test_without_an_engine_the_commands_run_as_a_process_and_say_so(context: MemoryContext) -> None:
    runner = {"host": "unix:///no/engine.sock", "memory": {"memory": "1GB"}, "cpu": {"cpus": 2}, "networkMode": "host"}
    commands("echo here", image="ubuntu", runner=runner).run(context)
    assert "here" in context.lines("INFO")
    assert context.headers["runner"] == (
        "Docker runner: no engine reached, ran as a process in the programs of this machine; not applied: cpu, networkMode"
    )


def test_without_an_engine_an_unknown_image_is_a_warning(context: MemoryContext) -> None:
    commands("echo here", image="company/special:1", runner={"host": "unix:///no/engine.sock"}).run(context)
    assert any("company/special:1" in line for line in context.lines("WARN"))


@pytest.mark.linux
def test_without_an_engine_the_memory_limit_still_holds(context: MemoryContext) -> None:
    runner = {"host": "unix:///no/engine.sock", "memory": {"memory": "60MB"}}
    failed = failure_of(
        commands("python3 -c 'x = bytearray(200_000_000); import time; time.sleep(20)'", image="ubuntu", runner=runner), context
    )
    assert failed.message.startswith("Killed by the memory limit of 60 MB")


def test_where_the_fallback_is_off_the_sockets_tried_are_named(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context(docker_fallback="fail")
    failed = failure_of(commands("true", runner={"host": "unix:///no/engine.sock"}), context)
    assert "unix:///no/engine.sock" in failed.message
    assert "KESTRA_WEB_DOCKER_FALLBACK" in failed.message


def test_labels_are_cut_where_docker_cuts_them(make_context: Callable[..., MemoryContext]) -> None:
    context = make_context()
    context.flow = type(context.flow)("very." * 14 + "long.namespace", "flowId", 1)
    assert labels_of(context)["kestra.io/namespace"] == "very.very.very.very.very.very.very.very.very.very.very.very.ver"
    assert labels_of(context)["kestra.io/taskrun-attempt"] == "0"
    assert len(container_name(context)) <= 63


@pytest.mark.parametrize(("text", "count"), [("512MB", 512 * 1024**2), ("1GB", 1024**3), ("1g", 1024**3), ("100", 100), ("1.5 KiB", 1536)])
def test_sizes_are_read(text: str, count: int) -> None:
    assert size_in_bytes(text) == count


@pytest.mark.parametrize("text", ["", "MB", "1XB", "-1MB"])
def test_a_size_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid size"):
        size_in_bytes(text)


def test_the_registry_of_an_image_is_known() -> None:
    assert [registry_of(name) for name in ("ubuntu", "a/b", "ghcr.io/a/b:1", "localhost:5000/x")] == [
        "docker.io",
        "docker.io",
        "ghcr.io",
        "localhost:5000",
    ]


def test_credentials_come_from_the_config_of_their_registry() -> None:
    config = {"auths": {"https://index.docker.io/v1/": {"auth": "am9objpkb2U="}, "ghcr.io": {"username": "a", "password": "b"}}}
    assert login("ubuntu", None, config) == {"username": "john", "password": "doe"}
    assert login("ghcr.io/x", None, config) == {"username": "a", "password": "b"}
    assert login("other.io/x", None, config) is None
