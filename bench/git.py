"""Git: what a copy of 5,000 files asks of the server while somebody works in it, and tasks that sync and push beside Git itself."""

from __future__ import annotations

import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import httpx

from bench.figures import Figure
from bench.stack import EMAIL, PASSWORD, Client
from tests.git_servers import over_http
from tests.journeys.signing import signed_in

NS, COUNT, LOGIN = "bench.git", 5000, "bench:a-token-for-the-bench"
AUTHOR = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com")
HERE = f"/workspace/{NS}/"


def measure(client: Client, _home: Path) -> Iterator[Figure]:
    """Status as the tree of the editor asks for it, and the whole panel, with three changed files."""
    port = int(client.url.rpartition(":")[2])
    person = SimpleNamespace(url=client.url, port=port, user=EMAIL, password=PASSWORD)
    with (
        tempfile.TemporaryDirectory() as folder,
        over_http(_repository(Path(folder), "many", COUNT), LOGIN) as server,
        closing(signed_in(person)) as pages,  # type: ignore[arg-type] -- it is all that is read of a stack
    ):
        client.call("POST", "/namespaces", f'{{"id": "{NS}"}}'.encode())
        client.call("PUT", f"/namespaces/{NS}/secrets", f'{{"key": "TOKEN", "value": "{LOGIN.partition(":")[2]}"}}'.encode())
        form = {"url": f"{server}/many.git", "username": "bench", "password_secret": "TOKEN"}
        pages.post(f"{HERE}git/bind/", data=form).raise_for_status()
        for number in range(3):
            path = f"models/m{number}/model_{number}.sql"
            base = pages.get(f"{HERE}text/", params={"branch": "main", "path": path}).raise_for_status().json()["base"]
            sent = {"path": path, "base": base, "text": f"select {number} + 1\n"}
            pages.post(f"{HERE}save/?branch=main", json=sent).raise_for_status()
        marks = _seconds(pages, f"{HERE}marks/?branch=main")
        panel = _seconds(pages, f"{HERE}git/panel/?branch=main")
    yield Figure(f"status of {COUNT:,} files, asked for by the tree", marks * 1000, "ms", 100)
    yield Figure(f"the Git panel over {COUNT:,} files", panel * 1000, "ms", 300)


ROUNDS = 5
SYNC = """id: sync
namespace: {space}
tasks:
  - id: sync
    type: io.kestra.plugin.git.SyncNamespaceFiles
    url: {url}
    username: bench
    password: "{{{{ secret('TOKEN') }}}}"
    branch: main
    gitDirectory: models
"""
PUSH = """id: push
namespace: {space}
tasks:
  - id: push
    type: io.kestra.plugin.git.PushNamespaceFiles
    url: {url}
    username: bench
    password: "{{{{ secret('TOKEN') }}}}"
    branch: main
    gitDirectory: models
    commitMessage: five
"""


def tasks(client: Client, home: Path) -> Iterator[Figure]:
    """SyncNamespaceFiles of 196 and 2,000 files beside `git clone`, PushNamespaceFiles of 5 changes beside `git add`, `commit`, `push`."""
    for count in (196, 2000):
        with tempfile.TemporaryDirectory() as made, over_http(_repository(Path(made), "many", count), LOGIN) as server:
            folder, url = Path(made), f"{server}/many.git"
            yield _synced(client, home, folder, url, count)
            if count == 2000:
                yield _pushed(client, folder, url)


def _synced(client: Client, home: Path, folder: Path, url: str, count: int) -> Figure:
    """Each round brings everything to an empty namespace, from a remote that the server has not read yet."""
    cloned, synced = [], []
    for number in range(ROUNDS):
        cloned.append(_took("git", "clone", "-q", _signed(url), str(folder / f"clone{number}")))
        shutil.rmtree(home / "git-remotes", ignore_errors=True)
        space = f"bench.git.n{count}.r{number}"
        _prepare(client, space, url)
        synced.append(_task(client, space, "sync"))
    return _beside(f"SyncNamespaceFiles of {count:,} files beside git clone", synced, cloned, 2)


def _pushed(client: Client, folder: Path, url: str) -> Figure:
    """Each round changes five files of what the last round of `_synced` brought."""
    by_hand, pushed, space = [], [], f"bench.git.n2000.r{ROUNDS - 1}"
    clone = ["git", "-C", str(folder / "clone0"), *AUTHOR]
    for turn in range(ROUNDS):
        for number in range(5):
            client.put_file(space, f"/m{number}/model_{number}.sql", f"select 'pushed {turn}'\n".encode())
            (folder / "clone0" / "models" / f"m{number}" / f"model_{number}.sql").write_text(f"select 'by hand {turn}'\n")
        commands = (["add", "-A"], ["commit", "-qm", "five"], ["push", "-q", _signed(url), "HEAD:dev"])
        by_hand.append(sum(_took(*clone, *words) for words in commands))
        pushed.append(_task(client, space, "push"))
    return _beside("PushNamespaceFiles, 5 changes in 2,000 files, beside Git", pushed, by_hand, 1.5)


def _signed(url: str) -> str:
    return url.replace("://", f"://{LOGIN}@")


def _prepare(client: Client, space: str, url: str) -> None:
    client.call("POST", "/namespaces", f'{{"id": "{space}"}}'.encode())
    client.call("PUT", f"/namespaces/{space}/secrets", f'{{"key": "TOKEN", "value": "{LOGIN.partition(":")[2]}"}}'.encode())
    for source in (SYNC, PUSH):
        client.put_flow(source.format(space=space, url=url))


def _took(*arguments: str) -> float:
    begun = time.perf_counter()
    subprocess.run(arguments, check=True, capture_output=True)
    return time.perf_counter() - begun


def _task(client: Client, namespace: str, flow: str) -> float:
    """How long the only task of a flow runs, in seconds."""
    ended = client.until_terminated(client.start(namespace, flow), every=0.1)  # the times are told: asking often would only slow it
    assert ended["state"]["current"] == "SUCCESS", ended["state"]
    times = {state["state"]: datetime.fromisoformat(state["date"]) for state in ended["taskRunList"][0]["state"]["histories"]}
    return (times["SUCCESS"] - times["RUNNING"]).total_seconds()


def _beside(name: str, ours: list[float], theirs: list[float], goal: float) -> Figure:
    """The ratio of the medians."""
    mine, git = statistics.median(ours), statistics.median(theirs)
    return Figure(name, mine / git, "x", goal, note=f"{mine * 1000:.0f} ms beside {git * 1000:.0f} ms")


def _repository(folder: Path, name: str, count: int) -> Path:
    bare, work = folder / f"{name}.git", folder / "work"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    for number in range(count):
        path = work / "models" / f"m{number % 50}" / f"model_{number}.sql"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"select {number}\n")
    for arguments in (["add", "-A"], [*AUTHOR, "commit", "-qm", "Many models"], ["push", "-q", str(bare), "main"]):
        subprocess.run(["git", *arguments], cwd=work, check=True)
    return folder


def _seconds(pages: httpx.Client, address: str, rounds: int = 15) -> float:
    """The median of what an answer takes."""
    spent = []
    for number in range(rounds + 3):
        begun = time.perf_counter()
        pages.get(address, headers={"HX-Request": "true"}).raise_for_status()
        if number >= 3:
            spent.append(time.perf_counter() - begun)
    return statistics.median(spent)
