"""Whether a source is a flow that can be saved, and everything there is to say about it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings

from engine.defaults import PluginDefault, read_defaults
from engine.document import Flow, Problem
from engine.parser import YAML_PROBLEM, read
from engine.yaml_ import Document, dotted, dump, load
from namespaces.models import Namespace
from namespaces.rights import ancestry
from plugins.catalog import CATALOG, typed_maps
from ui.errors import Invalid

SEPARATOR = re.compile(r"^---[ \t]*(?:#.*)?$", re.MULTILINE)
DEPRECATED = re.compile(r"^\S+ is deprecated\. ")
ALIAS_INFO = re.compile(r"^(\S+) is replaced by (\S+)$")


@dataclass(frozen=True, slots=True)
class Validation:
    """What a source is worth. `flow` is there as soon as it has an id and a namespace; it may be saved only where `valid`."""

    problems: tuple[Problem, ...]
    flow: Flow | None

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def valid(self) -> bool:
        return self.flow is not None and not self.errors

    @property
    def readable(self) -> bool:
        """Whether Kestra would make a flow of it at all, which it does not of an unknown type or property."""
        return self.flow is not None and not any(_stands_alone(problem.message) for problem in self.errors)

    @property
    def warnings(self) -> list[str]:
        return [problem.message for problem in self.problems if problem.severity == "warning"]

    @property
    def infos(self) -> list[str]:
        told = (problem.message for problem in self.problems if problem.severity == "info")
        return [message for message in told if not DEPRECATED.match(message)]

    @property
    def deprecations(self) -> list[str]:
        """Where old names, or types that Kestra advises against, are used: `tasks[1]`."""
        infos = (problem for problem in self.problems if problem.severity == "info")
        told = (problem for problem in infos if ALIAS_INFO.match(problem.message) or DEPRECATED.match(problem.message))
        return list(dict.fromkeys(problem.path.removesuffix(".type") for problem in told))

    def constraints(self) -> str | None:
        """All errors as Kestra puts them into one text; None where there are none."""
        return constraints(self.errors)


def constraints(problems: Sequence[Problem]) -> str | None:
    """`: Invalid Flow: …` for what concerns the whole flow, `path: message` for the rest, a line each; what cannot be read stands alone."""
    errors = [problem for problem in problems if problem.severity == "error"]
    alone = next((problem.message for problem in errors if _stands_alone(problem.message)), None)
    if alone is not None or not errors:
        return alone
    whole = [problem.message for problem in errors if not problem.path]
    lines = [f": Invalid Flow: {', '.join(whole)}"] if whole else []
    lines += [f"{problem.path}: {problem.message}" for problem in errors if problem.path]
    return "".join(f"{line}\n" for line in lines)


def _stands_alone(message: str) -> bool:
    return message.startswith((YAML_PROBLEM, "Unrecognized field", "Invalid type: ", "Duplicate field"))


class InvalidFlow(Invalid):
    """The flow has mistakes and was not saved."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        """`problems` are what the editor marks; the message is Kestra's."""
        super().__init__((constraints(problems) or "").strip())
        self.problems = list(problems)


def defaults_for(namespace: str) -> list[PluginDefault]:
    """The plugin defaults of a namespace and of those above it, the closest first, then those of the installation."""
    rows = {row.name: row.plugin_defaults for row in Namespace.objects.filter(name__in=ancestry(namespace)).only("name", "plugin_defaults")}
    own = [default for name in reversed(ancestry(namespace)) for default in read_defaults(rows.get(name) or [])]
    return own + read_defaults(settings.KESTRA_PLUGIN_DEFAULTS)


def validate(source: str) -> Validation:
    """Everything about a source; never raises for what is written in it."""
    document = load(source)
    flow, problems = read(document, catalog=CATALOG, defaults=defaults_for(_namespace(document.value)))
    return Validation((*problems, *_advised_against(document)), flow)


def _advised_against(document: Document) -> Iterator[Problem]:
    """Types that Kestra calls deprecated."""
    for path, inside in typed_maps(document.value):
        instead = CATALOG.deprecated(inside["type"])
        if instead:
            line, column = document.place((*path, "type"))
            yield Problem(f"{CATALOG.canonical(inside['type'])} is deprecated. {instead}", line, column, dotted((*path, "type")), "info")


def validate_part(text: str, section: str) -> str | None:
    """All that is wrong with one task or trigger (`section` is `tasks` or `triggers`) by itself, as `constraints` tells it."""
    document = load(text)
    if document.problems or not isinstance(document.value, dict):
        told = [problem.message for problem in document.problems] or ["a map with `id` and `type` is needed"]
        return YAML_PROBLEM + "; ".join(told)
    around: dict[str, Any] = {
        "id": "part",
        "namespace": "part",
        "tasks": [{"id": "other", "type": "io.kestra.plugin.core.log.Log", "message": "-"}],
    }
    flow = around | {section: [document.value]}
    errors = [replace(problem, path=_inside(problem.path, section)) for problem in validate(dump(flow)).errors]
    return constraints(errors)


def _inside(path: str, section: str) -> str:
    """`tasks[0].message` as `message`."""
    return path.removeprefix(f"{section}[0]").removeprefix(".")


def _namespace(value: Any) -> str:
    namespace = value.get("namespace") if isinstance(value, Mapping) else None
    return namespace if isinstance(namespace, str) and len(namespace) <= 150 else ""


def split_documents(text: str) -> list[str]:
    """The documents of a text separated by `---` lines, empty ones left out; one empty text where there is nothing else."""
    return [document for _, document in located_documents(text)]


def located_documents(text: str) -> list[tuple[int, str]]:
    """The same with the line of the text (from 1) that each document's first line is."""
    apart = list(SEPARATOR.finditer(text))
    starts = [0, *(min(match.end() + 1, len(text)) for match in apart)]  # past the line break
    ends = [*(match.start() for match in apart), len(text)]
    documents = [(text.count("\n", 0, start) + 1, text[start:end]) for start, end in zip(starts, ends, strict=True)]
    return [one for one in documents if one[1].strip()] or [(1, "")]
