"""Git in the workspace: what a copy of 5,000 files asks of the server while somebody works in it."""

from __future__ import annotations

import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
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
        over_http(_repository(Path(folder)), LOGIN) as server,
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


def _repository(folder: Path) -> Path:
    bare, work = folder / "many.git", folder / "work"
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(work)], check=True)
    for number in range(COUNT):
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
