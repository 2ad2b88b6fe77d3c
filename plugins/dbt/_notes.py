"""What commands of dbt leave beside their lines: where in a task's private folder that lies, and the programs that see to it."""

from __future__ import annotations

import shlex
import shutil
from pathlib import Path

from plugins.dbt import _hosts
from plugins.dbt._host.client import LEFT
from plugins.dbt._host.failing import ROWS
from plugins.dbt._host.selected import SELECTED
from plugins.scripts._script import Place

_PROGRAMS = ("plain.py", "failing.py", "reading.py", "selected.py")
_IN_A_CONTAINER = """#!/bin/sh
# The dbt of the image, by the Python that it names, with what leaves notes; as it is where it names none.
own={own}
rest=
IFS=:
for folder in $PATH; do [ "$folder" = "$own" ] || rest="$rest${{rest:+:}}$folder"; done
unset IFS
export PATH="$rest"
dbt=$(command -v dbt) || {{ echo 'dbt: command not found' >&2; exit 127; }}
read -r first < "$dbt"
case "$first" in
  '#!'*python*) exec ${{first#??}} "$own/contained.py" {told} "$dbt" "$@" ;;
esac
exec "$dbt" "$@"
"""


def told(place: Place) -> Path:
    """The file in which each dbt command notes which way it took."""
    return place.private / "dbt-ways"


def left(place: Place) -> Path:
    """The folder into which each of them copies its artifacts."""
    return _beside(place, LEFT)


def selected(place: Place) -> Path:
    """The folder into which each of them puts the list of its nodes."""
    return _beside(place, SELECTED)


def rows(place: Place) -> Path:
    """The folder into which failing tests put the rows that they found."""
    return _beside(place, ROWS)


def _beside(place: Place, name: str) -> Path:
    file = told(place)
    return file.with_name(file.name + name)


def wanted(place: Place, *, failing_rows: bool) -> None:
    """Have commands leave their nodes, and rows where they are asked for. Whoever they run as may write there."""
    for folder in (selected(place), *([rows(place)] if failing_rows else [])):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o777)


def plain(place: Place, environment: Path) -> Path:
    """A folder with a `dbt` that is that of an environment and leaves notes."""
    programs = _programs(place)
    words = [environment / "bin" / "python", "-s", programs / "plain.py", told(place), environment / "bin" / "dbt"]
    return _with_dbt(programs, f'#!/bin/sh\nexec {shlex.join(map(str, words))} "$@"\n')


def contained(place: Place) -> Path:
    """The same for the dbt that an image has, wherever it is there."""
    programs = _programs(place)
    shutil.copyfile(Path(__file__).with_name("_contained.py"), programs / "contained.py")
    return _with_dbt(programs, _IN_A_CONTAINER.format(own=shlex.quote(str(programs)), told=shlex.quote(str(told(place)))))


def _programs(place: Place) -> Path:
    folder = place.private / "programs"
    folder.mkdir(exist_ok=True)
    for name in _PROGRAMS:
        shutil.copyfile(_hosts.SOURCE / name, folder / name)
    return folder


def _with_dbt(programs: Path, text: str) -> Path:
    (programs / "dbt").write_text(text)
    (programs / "dbt").chmod(0o755)
    return programs
