"""The files of a namespace: found by name and by what they hold, opened, saved late, copied into the folder of a task."""

from __future__ import annotations

import io
import re
import statistics
import subprocess
import tempfile
import time
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx

from bench.figures import Figure, p95
from bench.stack import EMAIL, PASSWORD, Client

NAMESPACE, COPIED = "bench.files", "bench.copied"
TIMES = 20
FLOW = """id: {id}
namespace: {namespace}
tasks:
  - id: look
    type: io.kestra.plugin.scripts.shell.Commands
    taskRunner: {{type: io.kestra.plugin.core.runner.Process}}
    namespaceFiles: {{enabled: {enabled}}}
    commands: ["find . -name '*.sql' | wc -l"]
"""


def measure(client: Client, home: Path) -> Iterator[object]:
    """Each as a page asks for it, over HTTP."""
    for namespace, count in ((NAMESPACE, 5000), (COPIED, 2000)):
        client.put_file(namespace, "/project.zip", _project(count))
    with closing(signed_in(client)) as pages:
        at = f"/workspace/{NAMESPACE}/"
        named = _times(lambda: _found(pages.get(f"{at}search/names/", params={"q": "mdl4321"}), 1))
        yield Figure("search 5,000 files by name, p95", p95(named), "ms", 200, note=f"median {statistics.median(named):.0f} ms")
        held = _times(lambda: _found(pages.get(f"{at}search/contents/", params={"q": "ref('model_4320')"}), 1))
        yield Figure("search 5,000 files by content, p95", p95(held), "ms", 200, note=f"median {statistics.median(held):.0f} ms")
        opened = _times(lambda: pages.get(f"{at}text/", params={"path": _path(77)}).raise_for_status())
        yield Figure("open one of 5,000 files, p95", p95(opened), "ms", 150, note=f"median {statistics.median(opened):.0f} ms")
        yield from _late(pages, at)
    yield from _copied(client, home)


def _path(number: int) -> str:
    return f"models/layer_{number % 50}/model_{number}.sql"


def _project(count: int) -> bytes:
    """A zip archive of so many models, each of which refers to the one before."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for number in range(count):
            lines = f"select a, b, c from {{{{ ref('model_{number - 1}') }}}}\n" + "-- a line about this model\n" * 30
            archive.writestr(_path(number), lines)
    return target.getvalue()


def signed_in(client: Client) -> httpx.Client:
    """The requests of somebody's page."""
    pages = httpx.Client(base_url=client.url, timeout=60, headers={"Accept": "application/json", "Origin": client.url})
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', pages.get("/signin/", headers={"Accept": "text/html"}).text)
    if found is None:
        raise RuntimeError("the page to sign in has no form")
    form = {"email": EMAIL, "username": EMAIL, "password": PASSWORD, "csrfmiddlewaretoken": found[1]}
    if pages.post("/signin/", data=form).status_code != httpx.codes.FOUND:
        raise RuntimeError("signing in was refused")
    pages.headers["X-CSRFToken"] = next(value for name, value in pages.cookies.items() if "csrf" in name)
    return pages


def _times(measured: Callable[[], object]) -> list[float]:
    """Milliseconds of each of some calls, after one that is not counted."""
    measured()
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        measured()
        found.append((time.perf_counter() - began) * 1000)
    return found


def _found(answer: httpx.Response, least: int) -> None:
    if len(answer.raise_for_status().json()["files"]) < least:
        raise RuntimeError("nothing was found")


def _late(pages: httpx.Client, at: str) -> Iterator[Figure]:
    """Two who opened the same text save, one after the other: the second is merged."""
    took = []

    def save(text: str, base: str) -> Any:
        answer = pages.post(f"{at}save/", json={"path": _path(78), "base": base, "text": text})
        return answer.raise_for_status().json()

    for _ in range(TIMES):
        opened = pages.get(f"{at}text/", params={"path": _path(78)}).json()
        save(f"-- {uuid.uuid4()}\n{opened['text']}", opened["base"])
        began = time.perf_counter()
        if save(f"{opened['text']}-- {uuid.uuid4()}\n", opened["base"])["state"] != "merged":
            raise RuntimeError("a late save was not merged")
        took.append((time.perf_counter() - began) * 1000)
    yield Figure("save what somebody else saved meanwhile, p95", p95(took), "ms", 300, note=f"median {statistics.median(took):.0f} ms")


def _copied(client: Client, home: Path) -> Iterator[Figure]:
    """What 2,000 namespace files add to a task, beside `cp -r` of the same: a file system that looks long for free inodes slows both."""
    for enabled in ("true", "false"):
        client.put_flow(FLOW.format(id=f"files_{enabled}", namespace=COPIED, enabled=enabled))
    without = statistics.median(_ran(client, "files_false") for _ in range(5))
    rounds = [(_ran(client, "files_true") - without, _plain_copy(home)) for _ in range(5)]
    took, plain = (statistics.median(values) for values in zip(*rounds, strict=True))
    yield Figure("namespaceFiles of 2,000 files", took, "s", 0.5, note=f"cp -r {plain:.2f} s, the task without {without:.2f} s")


def _plain_copy(home: Path) -> float:
    """Seconds of `cp -r` of the same files."""
    with tempfile.TemporaryDirectory(dir=home) as folder:
        began = time.perf_counter()
        subprocess.run(["cp", "-r", str(home / "storage" / COPIED.replace(".", "/") / "_files"), folder], check=True)
        return time.perf_counter() - began


def _ran(client: Client, flow_id: str) -> float:
    """Seconds that the only task of a flow ran."""
    execution = client.until_terminated(client.start(COPIED, flow_id))
    if execution["state"]["current"] != "SUCCESS":
        raise RuntimeError(f"{flow_id} ended as {execution['state']['current']}")
    (run,) = execution["taskRunList"]
    return float(run["state"]["duration"].removeprefix("PT").removesuffix("S"))
