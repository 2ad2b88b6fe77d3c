"""The workspace in a browser: opened on 5,000 files, a file opened in it, and a list of 10,000 models while one types."""

from __future__ import annotations

import io
import statistics
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bench import browser
from bench.figures import Figure
from bench.stack import Client

DESK, NAMES = "bench.desk", "bench.names"
READY = "[data-workspace][data-ready]"
TIMES = 7
# From a key to the list on the page.
LISTED = """async (typed) => {
  const { workspace } = await import("/static/js/workspace.js");
  const { view } = workspace.current();
  const pause = () => new Promise((done) => setTimeout(done, 150));
  const shown = () => document.querySelector(".cm-tooltip-autocomplete li");
  const took = [];
  for (let length = 0; length < typed.length; length += 1) {
    const before = `{{ ref('${typed.slice(0, length)}`;
    view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: before }, selection: { anchor: before.length } });
    await pause();
    if (shown()) throw new Error("a list is there before a key is pressed");
    const begin = performance.now();
    const drawn = new Promise((done) => {
      const watcher = new MutationObserver(() => { if (shown()) { watcher.disconnect(); done(); } });
      watcher.observe(document.body, { childList: true, subtree: true });
    });
    view.dispatch({ ...view.state.replaceSelection(typed[length]), userEvent: "input.type" });
    await drawn;
    took.push(performance.now() - begin);
  }
  return took;
}"""


def measure(client: Client, _home: Path) -> Iterator[object]:
    """Each as a person meets it."""
    if browser.program() is None:
        yield browser.MISSING
        return
    for namespace, count in ((DESK, 5000), (NAMES, 9999)):  # an archive has at most 10,000 files
        client.put_file(namespace, "/project.zip", _project(count))
    client.put_file(NAMES, f"/{_path(9999)}", b"select 1")
    with browser.signed_in(client) as page:
        opened = [_seconds(lambda: _open(page, client, DESK)) for _ in range(TIMES)]
        yield Figure("open the IDE on 5,000 files", statistics.median(opened), "s", 1)
        files = [_seconds(_file(page, number)) * 1000 for number in range(1, TIMES + 1)]
        yield Figure("open a file in it", statistics.median(files), "ms", 150)
        _open(page, client, f"{NAMES}/?path={_path(1)}")
        page.get_by_text("10,000 nodes").wait_for(timeout=60000)
        took = page.evaluate(LISTED, "model_77")
        yield Figure("completion list on ref(' of 10,000 models", statistics.median(took), "ms", 16, note=f"longest {max(took):.0f} ms")


def _open(page: Any, client: Client, rest: str) -> None:
    page.goto(f"{client.url}/workspace/{rest}")
    page.locator(READY).wait_for()


def _file(page: Any, number: int) -> Callable[[], None]:
    """Chooses a file that no tab has, in the palette; what is measured begins with Enter and ends with its text."""
    page.keyboard.press("Control+p")
    page.keyboard.type(f"model_{number}.sql")
    page.locator("#quick-0", has_text=f"model_{number}.sql").wait_for()
    page.wait_for_timeout(250)  # nobody presses Enter sooner after reading a name

    def press() -> None:
        page.keyboard.press("Enter")
        page.locator(".cm-content", has_text=f"'model_{number - 1}'").wait_for()

    return press


def _seconds(measured: Callable[[], None]) -> float:
    began = time.perf_counter()
    measured()
    return time.perf_counter() - began


def _path(number: int) -> str:
    return f"models/layer_{number % 50}/model_{number}.sql"


def _project(count: int) -> bytes:
    """A zip archive of a project with so many models, each of which refers to the one before."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        archive.writestr("dbt_project.yml", "name: desk\nversion: '1.0'\nprofile: desk\n")
        for number in range(count):
            archive.writestr(_path(number), f"select a, b, c from {{{{ ref('model_{number - 1}') }}}}\n" + "-- a line\n" * 30)
    return target.getvalue()
