"""What parsing says to its reader: warnings, and what templates log or print. Who parses nothing again must say it again.

It is kept with the parsed project by the file that gave rise to it. A command that begins with a parsed project holds back what it
parses anew says, until all of it can be told in the order in which parsing from nothing tells it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from dbt import deprecations
from dbt.contracts.files import ParseFileType
from dbt.parser import manifest as parsing
from dbt_common.events.base_types import EventLevel
from dbt_common.events.event_manager import EventManager
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.exceptions import DbtBaseException

TEMPLATES = frozenset({"JinjaLogInfo", "JinjaLogDebug", "PrintEvent"})
# The order in which dbt parses the files of a project.
MACROS = ("MacroParser", "GenericTestParser")
PARSERS = (
    *("ModelParser", "SnapshotParser", "AnalysisParser", "SingularTestParser", "SeedParser", "DocumentationParser", "FixtureParser"),
    "FunctionParser",
)
SCHEMAS = ("SchemaParser",)

# A call of `deprecations`: its name and what it is about. An event: its class, its content, its level and whether it must be judged.
Deprecation = tuple[str, tuple[Any, ...], dict[str, Any]]
Event = tuple[str, str, bytes, Any, bool]


class HasChanged(DbtBaseException):  # type: ignore[misc]  # dbt is not installed where this is checked
    """What was parsed before cannot be used: parse from nothing."""


@dataclass(frozen=True)
class Said:
    """One thing that was said. `file` is empty where it is about the project as a whole."""

    file: str
    reading: bool  # while files were read, so before anything was parsed
    what: Deprecation | Event


@dataclass
class Hearing:
    """All that one parsing says, `before` being what was said for the parsed project that it begins with."""

    before: list[Said] | None = None
    holds: bool = False  # nothing is told yet
    said: list[Said] = field(default_factory=list)
    complete: bool = True  # parsing from nothing would say the same
    reading: bool = True
    file: str = ""
    order: dict[str, int] = field(default_factory=dict)
    files: dict[str, int] = field(default_factory=dict)

    def hears(self) -> bool:
        """dbt reads all files each time; of that only what it says of a single one is part of parsing."""
        return bool(self.file) or not self.reading

    def hear(self, what: Deprecation | Event) -> None:
        self.said.append(Said(self.file, self.reading, what))

    def settle(self, again: Iterable[str], files: Iterable[str], schemas: Iterable[str]) -> None:
        """Take over what was said of files that are not parsed `again`; `files` are all there are now."""
        parsed, now, partly = set(again), set(files), set(schemas)
        before = [one for one in self.before or () if one.file in now or not one.file]
        # What is said of the project as a whole may be said otherwise now, and YAML files are parsed again in parts.
        self.complete = not parsed or not any(not one.file or (one.file in partly and one.file in parsed) for one in before)
        if not self.complete and self.holds:
            raise HasChanged
        self.said = [one for one in before if one.file not in parsed] + self.said

    def tell(self) -> None:
        """Say all that was held back."""
        if self.before is not None and self.order:  # else all is in order, for nothing was parsed, or all was
            self.said.sort(key=self._place)
        if not self.holds:
            return
        self.holds = False
        for one in self.said:
            _judge(one.what)
        for one in self.said:
            _say(one.what)

    def _place(self, one: Said) -> tuple[int, int]:
        if one.reading:
            return (0, self.files.get(one.file, 0))
        return (1, self.order[one.file]) if one.file in self.order else (2, 0)


_now: Hearing | None = None


def install() -> None:
    """Once, before any fork."""
    manager: Any = EventManager
    manager.fire_event = _around_event(manager.fire_event)
    deprecation: Any = deprecations.DBTDeprecation
    deprecation.show = _around_show(deprecation.show)
    module: Any = parsing
    module.FileBlock = _around_block(module.FileBlock)
    loader: Any = parsing.ManifestLoader
    for name in ("parse_project", "load_and_parse_macros"):
        setattr(loader, name, _then_no_file(getattr(loader, name)))


def begin(before: list[Said] | None, *, again: bool) -> Hearing:
    """A project is parsed from here on. `again` is whether what was said before has to be said again."""
    global _now
    _now = Hearing(before, before is not None and again)
    return _now


def end() -> None:
    """It is parsed."""
    global _now
    _now = None


def about(file: str) -> None:
    """What is said from here on is about this file; about the project where it is empty."""
    if _now is not None:
        _now.file = file


def order(found: dict[str, dict[str, list[str]]]) -> dict[str, int]:
    """When the files are parsed that dbt has `found`: by project, then by parser."""
    files: list[str] = []
    for parsers in (MACROS, PARSERS, SCHEMAS):
        for by_parser in found.values():
            for parser in parsers:
                files += by_parser.get(parser, ())
    return {file: number for number, file in enumerate(files)}


def schemas(files: dict[str, Any]) -> list[str]:
    """Those that are YAML files."""
    return [name for name, file in files.items() if file.parse_file_type == ParseFileType.Schema]


def _around_event(plain: Callable[..., None]) -> Callable[..., None]:
    def fire(manager: Any, e: Any, level: Any = None, node: Any = None, force_warn_or_error_handling: bool = False) -> None:
        hearing = _now
        if hearing is not None and hearing.hears() and _counts(e, level, force_warn_or_error_handling):
            kind, named = type(e), getattr(level, "value", None)
            hearing.hear((kind.__module__, kind.__name__, e.pb_msg.SerializeToString(), named, force_warn_or_error_handling))
            if hearing.holds:
                return
        plain(manager, e, level, node, force_warn_or_error_handling)

    return fire


def _counts(event: Any, level: Any, judged: bool) -> bool:
    return judged or (level or event.level_tag()) in (EventLevel.WARN, EventLevel.ERROR) or type(event).__name__ in TEMPLATES


def _around_show(plain: Callable[..., None]) -> Callable[..., None]:
    """A deprecation is told once and counted each time."""

    def show(self: Any, *given: Any, **named: Any) -> None:
        global _now
        hearing = _now
        if hearing is None or not hearing.hears():
            return plain(self, *given, **named)
        hearing.hear((self.name, given, named))
        if hearing.holds:
            return None
        _now = None
        try:
            return plain(self, *given, **named)
        finally:
            _now = hearing

    return show


def _around_block(plain: Callable[..., Any]) -> Callable[..., Any]:
    """dbt makes a block of a file right before it parses that file."""

    def block(file: Any) -> Any:
        about(file.file_id if _now is not None and file.file_id in _now.files else "")
        return plain(file)

    return block


def _then_no_file(plain: Callable[..., None]) -> Callable[..., None]:
    def method(loader: Any, *given: Any) -> None:
        plain(loader, *given)
        about("")

    return method


def _judge(what: Deprecation | Event) -> None:
    """Where it is an error to this command, dbt is to find that by itself."""
    manager: Any = get_event_manager()
    judged = len(what) == 3 or what[4] or manager.require_warn_or_error_handling
    if judged and (manager.warn_error or manager.warn_error_options.errors(_event(what))):
        raise HasChanged


def _event(what: Deprecation | Event) -> Any:
    if len(what) == 3:
        return deprecations.deprecations[what[0]].event(**what[2])
    kind = getattr(importlib.import_module(what[0]), what[1])
    event = object.__new__(kind)
    event.pb_msg = getattr(kind.PROTO_TYPES_MODULE, kind.__name__).FromString(what[2])
    return event


def _say(what: Deprecation | Event) -> None:
    global _now
    hearing, _now = _now, None
    try:
        if len(what) == 3:
            deprecations.warn(what[0], *what[1], **what[2])
        else:
            level = EventLevel(what[3]) if what[3] else None
            get_event_manager().fire_event(_event(what), level=level, force_warn_or_error_handling=what[4])
    finally:
        _now = hearing
