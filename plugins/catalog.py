"""Finds task types by their path: `io.kestra.plugin.git.SyncNamespaceFiles` is the class of `plugins/git/sync_namespace_files.py`.

What there is, is read from the files without importing them; a type is imported when it is asked for, so that a missing library breaks
that one type, with a message that names the extra to install.
"""

from __future__ import annotations

import ast
import inspect
import keyword
import re
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from engine.document import Task, Trigger
from engine.fields import unrecognized
from engine.yaml_ import dotted
from plugins import _complaints as complaints
from plugins.contract import (
    BaseTask,
    BaseTrigger,
    Condition,
    ConditionFailed,
    FlowableTask,
    RunnableTask,
    Schema,
    TaskFailed,
    TaskRunner,
)

ROOT = Path(__file__).parent
PREFIX = "io.kestra.plugin."
TEST_ROOT, TEST_PREFIX = ROOT / "_test_types", "io.kestra."
MADE_BY_PARSER = frozenset({"id", "type", "disabled", "runIf", "timeout", "allowFailure", "allowWarning", "retry"})


class CatalogError(Exception):
    """A type cannot be used; the message says why and what to do."""


class UnknownType(CatalogError):
    """There is no such type."""


class MissingLibrary(CatalogError):
    """The type needs a library that is not installed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A type as its file shows it, before anything is imported. `title` is the first line of its docs."""

    type: str
    module: str
    class_name: str
    title: str
    aliases: tuple[str, ...]

    @property
    def extra(self) -> str:
        """The extra of this project that brings what the type needs: the folder of the plugin."""
        return self.module.split(".")[1]


def file_name(class_name: str) -> str:
    """`SyncNamespaceFiles` → `sync_namespace_files`, `DbtCLI` → `dbt_cli`, `If` → `if_`."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", class_name).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


def _entry(path: Path, root: Path = ROOT, prefix: str = PREFIX) -> Entry | None:
    """What a file offers: its class of the file's own name, or None."""
    tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    found = next((node for node in tree.body if isinstance(node, ast.ClassDef) and file_name(node.name) == path.stem), None)
    if found is None:
        return None
    parts = path.relative_to(root).with_suffix("").parts
    title = (ast.get_docstring(tree) or "").partition("\n")[0]
    type_ = prefix + ".".join([*(part.removesuffix("_") for part in parts[:-1]), found.name])
    module = ".".join(["plugins", *path.relative_to(ROOT).with_suffix("").parts])
    return Entry(type_, module, found.name, title, _aliases(found))


def _aliases(found: ast.ClassDef) -> tuple[str, ...]:
    for node in found.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "aliases" and node.value is not None:
            return tuple(ast.literal_eval(node.value))
    return ()


def type_files(root: Path = ROOT) -> list[Path]:
    """Every file that must hold a type: names that start with `_` never do."""
    files = (path for path in root.rglob("*.py") if not any(part.startswith("_") for part in path.relative_to(root).parts))
    return sorted(path for path in files if path.parent != root)


def index() -> Mapping[str, Entry]:
    """Every type by its name."""
    with _reading:
        return _index()


_reading = threading.Lock()  # two threads in `ast.parse` at once can be told "recursion depth mismatch" by CPython 3.11


@cache
def _index() -> Mapping[str, Entry]:
    entries = [_entry(path) for path in type_files()]
    if _offered["test types"]:
        entries += [_entry(path, TEST_ROOT, TEST_PREFIX) for path in type_files(TEST_ROOT)]
    return {entry.type: entry for entry in entries if entry is not None}


_offered = {"test types": False}


def offer_test_types(offered: bool = True) -> None:
    """Offer the types that Kestra's own test flows use, or not."""
    if _offered["test types"] != offered:
        _offered["test types"] = offered
        _index.cache_clear()
        aliases.cache_clear()


@cache
def aliases() -> Mapping[str, str]:
    """Old names onto new ones."""
    return {old: entry.type for entry in index().values() for old in entry.aliases}


def all_types() -> list[str]:
    """The names of every type, in alphabetical order."""
    return sorted(index())


def canonical(type_: str) -> str:
    """The current name of a type given by any name; an unknown one stays as it is."""
    return aliases().get(type_, type_)


def find(type_: str) -> type[Schema]:
    """The class of a type. Raises UnknownType, or MissingLibrary where its file cannot be imported.

    `…ForEachItem$ForEachItemSplit` is a class that lives in the file of another and that only this one writes into flows.
    """
    outer, inside, inner = canonical(type_).partition("$")
    entry = index().get(outer)
    if entry is None:
        raise UnknownType(f"Invalid type: {type_}")
    found = _imported(entry)
    if not inside:
        return found
    part = getattr(sys.modules[found.__module__], inner, None)
    if not isinstance(part, type) or not issubclass(part, Schema):
        raise UnknownType(f"Invalid type: {type_}")
    return part


@cache
def _imported(entry: Entry) -> type[Schema]:
    try:
        module = import_module(entry.module)
    except ImportError as error:
        library = error.name or str(error)
        raise MissingLibrary(
            f"{entry.type} needs the library `{library}`, which is not installed: pip install 'kestra-web[{entry.extra}]'"
        ) from error
    found: type[Schema] = getattr(module, entry.class_name)
    return found


def docs(type_: str) -> str:
    """The documentation of a type, in Markdown: the docstring of its file."""
    return inspect.cleandoc(sys.modules[find(type_).__module__].__doc__ or "")


@cache
def schema(type_: str) -> dict[str, Any]:
    """The JSON schema of a type's properties, by the names that are written in YAML."""
    return find(type_).model_json_schema(by_alias=True)


def kind(type_: str) -> str | None:
    """`task`, `flowable`, `trigger`, `runner` or `condition`; None where there is no such type.

    One whose library is missing counts as a task: `check` says what is the matter.
    """
    try:
        found = find(type_)
    except MissingLibrary:
        return "task"
    except UnknownType:
        return None
    kinds = ((FlowableTask, "flowable"), (BaseTask, "task"), (BaseTrigger, "trigger"), (TaskRunner, "runner"))
    return next((name for base, name in kinds if issubclass(found, base)), "condition")


class Flowables(Mapping[str, type[FlowableTask]]):
    """The flowables by type, imported as they are asked for."""

    def __getitem__(self, type_: str) -> type[FlowableTask]:
        try:
            found = find(type_)
        except UnknownType as error:
            raise KeyError(type_) from error
        if not issubclass(found, FlowableTask):
            raise KeyError(type_)
        return found

    def __iter__(self) -> Iterator[str]:
        return (type_ for type_ in all_types() if kind(type_) == "flowable")

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Catalog:
    """What parser, machine and worker ask about types (engine.parser.CatalogPort)."""

    flowables: Mapping[str, type[FlowableTask]] = Flowables()

    def task_kind(self, type_: str) -> str | None:
        return kind(type_)

    def canonical(self, type_: str) -> str:
        return canonical(type_)

    def child_properties(self, type_: str) -> Sequence[str]:
        """The properties that hold tasks; none for what is no flowable."""
        found = self.flowables.get(type_)
        return () if found is None else found.child_properties

    def generated(self, type_: str, given: Mapping[str, Any]) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """The tasks by branch that a flowable makes of its own properties."""
        found = self.flowables.get(type_)
        return {} if found is None else found.generated(given)

    def properties(self, type_: str) -> Sequence[str] | None:
        """The names of all properties of a type as YAML has them; None where there is no such type, or it cannot be looked into."""
        try:
            return complaints.property_names(find(type_))
        except CatalogError:
            return None

    def deprecated(self, type_: str) -> str:
        """What to use instead of a type that Kestra advises against; empty where it does not, or there is no such type."""
        try:
            return find(type_).deprecated
        except CatalogError:
            return ""

    def inline(self, type_: str) -> bool:
        """Whether a task of this type is so cheap that whoever advances the execution may run it in place."""
        found = find(type_)
        return issubclass(found, RunnableTask) and found.inline

    def acts(self, type_: str) -> bool:
        """Whether a task of this type changes what lies outside its execution."""
        found = find(type_)
        return issubclass(found, RunnableTask) and found.acts

    def build(self, task: Task) -> BaseTask:
        """The plugin of a task, ready to run. Raises TaskFailed where the type or its properties are no good (any more)."""
        try:
            found = find(task.type)
            known = {name: value for name, value in task.properties.items() if name in complaints.property_names(found)}
            made = found.model_validate(known)
        except CatalogError as error:
            raise TaskFailed(str(error), retryable=False) from error
        except ValidationError as error:
            told = "; ".join(f"{dotted(path)}: {message}" for message, path in complaints.of(error, found, task.properties))
            raise TaskFailed(f"The properties of this task are invalid: {told}", retryable=False) from error
        if not isinstance(made, BaseTask):
            raise TaskFailed(f"{task.type} is not a task", retryable=False)
        return made

    def trigger(self, trigger: Trigger, **rendered: Any) -> BaseTrigger:
        """The plugin of a trigger, with some properties replaced. Raises TaskFailed where its type or properties are no good (any more)."""
        try:
            found = find(trigger.type)
            known = {name: value for name, value in trigger.properties.items() if name in complaints.property_names(found)}
            made = found.model_validate({**known, **rendered})
        except CatalogError as error:
            raise TaskFailed(str(error)) from error
        except ValidationError as error:
            told = "; ".join(f"{dotted(path)}: {message}" for message, path in complaints.of(error, found, trigger.properties))
            raise TaskFailed(f"The properties of the trigger {trigger.id} are invalid: {told}") from error
        if not isinstance(made, BaseTrigger):
            raise TaskFailed(f"{trigger.type} is not a trigger")
        return made

    def condition(self, mapping: Mapping[str, Any]) -> Condition:
        """The plugin of a condition. Raises ConditionFailed where it is no good (any more)."""
        try:
            found = find(str(mapping.get("type")))
            made = found.model_validate({name: value for name, value in mapping.items() if name in complaints.property_names(found)})
        except CatalogError as error:
            raise ConditionFailed(str(error)) from error
        except ValidationError as error:
            told = "; ".join(f"{dotted(path)}: {message}" for message, path in complaints.of(error, found, mapping))
            raise ConditionFailed(f"The properties of this condition are invalid: {told}") from error
        if not isinstance(made, Condition):
            raise ConditionFailed(f"{mapping.get('type')} is not a condition")
        return made

    def check(self, mapping: Mapping[str, Any], kind: str) -> list[tuple[str, tuple[str | int, ...]]]:
        """What is wrong with a task or trigger as written: messages with the path inside it. Ids, retry and the like are the parser's."""
        try:
            found = find(str(mapping.get("type")))
        except CatalogError as error:
            return [(str(error), ("type",))]
        told = [one for one in self._complaints(found, mapping) if not _made_by_parser(one)]
        return told + self._nested(found, mapping, {path for _, path in told})

    def _complaints(self, found: type[Schema], mapping: Mapping[str, Any]) -> list[tuple[str, tuple[str | int, ...]]]:
        names = complaints.property_names(found)
        type_ = canonical(str(mapping.get("type")))
        told: list[tuple[str, tuple[str | int, ...]]] = [
            (unrecognized(str(name), type_, names), (str(name),)) for name in mapping if name not in names
        ]
        try:
            found.model_validate({name: value for name, value in mapping.items() if name in names})
        except ValidationError as error:
            told += complaints.of(error, found, mapping)
        return told

    def _nested(
        self, found: type[Schema], mapping: Mapping[str, Any], told: set[tuple[str | int, ...]]
    ) -> list[tuple[str, tuple[str | int, ...]]]:
        """Conditions, task runners and the like inside it: maps with a `type` of ours that are no tasks of a flowable."""
        children = found.child_properties if issubclass(found, FlowableTask) else ()
        more: list[tuple[str, tuple[str | int, ...]]] = []
        for path, inner in typed_maps({name: value for name, value in mapping.items() if name not in children}):
            if any(path[: len(known)] == known or known[: len(path)] == path for known in told) or ".ee." in inner["type"]:
                continue
            found_kind = kind(inner["type"])
            if found_kind is None:
                more.append((f"Invalid type: {inner['type']}", (*path, "type")))
            elif _among_conditions(path) and found_kind != "condition":
                more.append((f"{inner['type']} is a {found_kind}, not a condition", (*path, "type")))
            else:
                more += [(message, (*path, *below)) for message, below in self._complaints(find(inner["type"]), inner)]
        return more


def _made_by_parser(told: tuple[str, tuple[str | int, ...]]) -> bool:
    message, path = told
    if path[:1] == ("retry",) and len(path) > 1:
        return True
    return path[:1] in {(name,) for name in MADE_BY_PARSER} and not message.startswith("Unrecognized field")


def _among_conditions(path: tuple[str | int, ...]) -> bool:
    return len(path) > 1 and path[-2] in ("conditions", "scheduleConditions")


def typed_maps(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Mapping[str, Any]]]:
    """Maps inside a value whose `type` is one of Kestra's class names."""
    if isinstance(value, Mapping):
        if path and isinstance(value.get("type"), str) and value["type"].startswith("io.kestra."):
            yield path, value
        for name, item in value.items():
            yield from typed_maps(item, (*path, str(name)))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from typed_maps(item, (*path, number))


CATALOG = Catalog()
