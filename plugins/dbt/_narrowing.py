"""Commands of dbt that take fewer nodes than they say: those that a person chose, or those that did not succeed before.

What a command takes is asked of dbt itself (`dbt ls` with the command's own selection), so that the answer is dbt's.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from plugins.contract import Narrowed
from plugins.dbt._command import SELECTING, invocations
from plugins.dbt._events import read_event

NODES = ("model", "seed", "snapshot", "test", "unit_test")  # exposures and the like are selected, too, and nothing is done with them
_TYPES = {
    "build": NODES,
    "run": ("model",),
    "test": ("test", "unit_test"),
    "seed": ("seed",),
    "snapshot": ("snapshot",),
    "compile": ("model", "test", "snapshot", "seed", "unit_test"),
}
_WITH_VALUE = frozenset(
    (
        "--project-dir", "--profiles-dir", "--profile", "--target", "-t", "--vars", "--state", "--defer-state", "--indirect-selection",
        *SELECTING,
    )
)  # fmt: skip
_FLAGS = frozenset(("--defer", "--no-defer", "--favor-state", "--no-favor-state"))
_SHELL = re.compile(r"[\n;&|<>$`()#\\]")
_MARK = "::dbt-nodes-of "


@dataclass(slots=True)
class Rehearsal:
    """The commands of a task with the nodes that each would take. `on_line` hears what the listing commands write."""

    lines: Sequence[str]
    listed: dict[int, list[str]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    _number: int = -1

    def commands(self, narrowed: Narrowed, target_path: str) -> list[str]:
        """What is run to have the nodes listed: `dbt ls` in the place of what runs nodes, and what prepares the project."""
        found = []
        for number, line in enumerate(self.lines):
            words = simple(line)
            if words and narrowable(line):
                found += [f"echo '{_MARK}{number}'", listing(words, narrowed.nodes, target_path)]
            elif words and next((call.verb for call in invocations([line])), "") == "deps":
                found.append(line)
        return found

    def on_line(self, stream: str, text: str) -> None:
        """Take a line: a mark, a node, or an event that may be an error."""
        if text.startswith(_MARK):
            self._number = int(text.removeprefix(_MARK))
            self.listed[self._number] = []
            return
        event = read_event(text)
        if event is None:
            return
        if event.level == "ERROR":
            self.errors.append(event.text)
        unique_id = _unique_id(event.text)
        if unique_id and self._number in self.listed:
            self.listed[self._number].append(unique_id)

    def chosen(self, narrowed: Narrowed, known: Container[str]) -> dict[int, list[str]]:
        """For each command that was asked about, the nodes that it is to take; `known` are those that the project has.

        A command of which it is known what it was going to run takes of that, whatever it would select now.
        """
        left_out = narrowed.without | narrowed.dropped
        begun = {number: [one for one in nodes if one in known] for number, nodes in narrowed.selected.items() if number in self.listed}
        selected = {**self.listed, **begun}
        found = {
            number: [one for one in dict.fromkeys(nodes) if self.takes(number, one) and one not in left_out]
            for number, nodes in selected.items()
        }
        taken = {one for nodes in selected.values() for one in nodes}
        for one in sorted(narrowed.failed - taken - left_out):
            number = next((number for number in found if self.takes(number, one)), None)
            if number is not None and one in known:
                found[number].append(one)
        return found

    def takes(self, number: int, unique_id: str) -> bool:
        """Whether a command runs nodes of this type."""
        return unique_id.partition(".")[0] in _TYPES[invocations([self.lines[number]])[0].verb]

    def narrowed(self, chosen: dict[int, list[str]]) -> list[str]:
        """The commands with the nodes that each is to take; one that has none left does nothing."""
        return [taking(line, chosen[number]) if number in chosen else line for number, line in enumerate(self.lines)]


def narrowable(line: str) -> bool:
    """Whether a line is one plain call of dbt that runs nodes, so that it can take fewer of them."""
    return bool(simple(line)) and next((call.verb for call in invocations([line])), "") in _TYPES


def simple(line: str) -> list[str] | None:
    """The words of a line that is one plain call of dbt; None where a shell would make more of it."""
    bare = re.sub(r"'[^']*'", "", line)
    if not line.startswith("dbt ") or _SHELL.search(re.sub(r'"[^"$`\\]*"', "", bare)):
        return None
    try:
        return shlex.split(line)
    except ValueError:
        return None


def listing(words: Sequence[str], nodes: Sequence[str], target_path: str) -> str:
    """The call of `dbt ls` that names the nodes of a call of dbt, or `nodes` in the place of its own selection."""
    kept = [part for option, values in _options(words) if _lists(option, bool(nodes)) for part in (option, *values)]
    chosen = ["--select", *nodes] if nodes else []
    told = ["--output", "json", "--output-keys", "unique_id", "--log-format", "json", "--target-path", target_path]
    return shlex.join(["dbt", "ls", *kept, *chosen, *told, "--log-path", target_path])


def _lists(option: str, chosen: bool) -> bool:
    return (option in _WITH_VALUE or option in _FLAGS) and not (chosen and option in SELECTING)


def _options(words: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """(option, values) of a call; values of a selection go on until the next option."""
    parts: list[tuple[str, list[str]]] = []
    for word in words:
        if word.startswith("-"):
            option, equals, value = word.partition("=")
            parts.append((option, [value] if equals else []))
        elif parts:
            parts[-1][1].append(word)
    return ((option, values if option in SELECTING else values[:1] if option in _WITH_VALUE else []) for option, values in parts)


def taking(line: str, nodes: Sequence[str]) -> str:
    """The line with these nodes in the place of its own selection."""
    if not nodes:
        return "true"
    words, kept, skipping = shlex.split(line), [], False
    for word in words:
        option = word.partition("=")[0]
        if word.startswith("-"):
            skipping = (option in SELECTING or option == "--indirect-selection") and "=" not in word
            if option in SELECTING or option == "--indirect-selection":
                continue
        elif skipping:
            continue
        kept.append(word)
    return shlex.join([*kept, "--select", *map(selector, nodes), "--indirect-selection", "empty"])


def selector(unique_id: str) -> str:
    """How dbt is told of one node: `model.shop.orders` is `orders,package:shop,resource_type:model`."""
    type_, _, rest = unique_id.partition(".")
    package, *names = rest.split(".")
    name = names[-1] if type_ == "unit_test" and names else names[0] if type_ == "test" and names else ".".join(names)
    return f"{name},package:{package},resource_type:{type_}"


def _unique_id(text: str) -> str:
    try:
        found = json.loads(text)
    except ValueError:
        return ""
    return str(found.get("unique_id") or "") if isinstance(found, dict) else ""


_MEMORY = re.compile(r"^\s*path:\s*[\"']?(:memory:|(?!/|md:|motherduck:|\{\{)[^\"'\s#]+)", re.MULTILINE)


def forgets(profiles: str) -> bool:
    """Whether the database goes with the task's folder: DuckDB or SQLite in memory, or in a file of the working directory."""
    types = set(re.findall(r"^\s*type:\s*[\"']?(\w+)", profiles, re.MULTILINE))
    return bool(types) and types <= {"duckdb", "sqlite"} and (_MEMORY.search(profiles) is not None or "path:" not in profiles)
