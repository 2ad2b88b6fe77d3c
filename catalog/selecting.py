"""dbt's node selection over a graph: `+model+2`, `@model`, `tag:nightly,path:models/marts`, unions by blanks, `--exclude`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from catalog.graph import TESTS, Graph, Member
from ui.errors import Invalid

ATOM = re.compile(r"^(?P<at>@)?(?P<above>(?P<up>\d*)\+)?(?P<core>[^+@].*?)(?P<below>\+(?P<down>\d*))?$")
METHOD = re.compile(r"^(?P<method>[a-z_]+(?:\.[a-z_]+)*):(?P<value>.+)$")
MOST = 100  # parts of one selection
Statuses = Mapping[str, str]  # dbt's last word on nodes, by unique_id


class NoSelector(Invalid):
    """This is no selector of dbt."""


def select(graph: Graph, text: str, statuses: Statuses | None = None) -> set[str]:
    """The unique_ids that a text selects as `dbt ls --select` would, without tests; all of them for an empty one. Raises NoSelector."""
    words = text.replace("--select", " ").split()
    at = words.index("--exclude") if "--exclude" in words else len(words)
    wanted, unwanted = words[:at], [word for word in words[at:] if word != "--exclude"]
    if len(words) > MOST:
        raise NoSelector(f"A selection has at most {MOST} parts, this one has {len(words)}")
    chosen = set().union(*(_intersection(graph, word, statuses or {}) for word in wanted)) if wanted else set(graph.members)
    for word in unwanted:
        chosen -= _intersection(graph, word, statuses or {})
    return {name for name in chosen if graph.members[name].kind not in TESTS}


def _intersection(graph: Graph, word: str, statuses: Statuses) -> set[str]:
    parts = [_atom(graph, part, statuses) for part in word.split(",") if part]
    return set.intersection(*parts) if parts else set()


def _atom(graph: Graph, text: str, statuses: Statuses) -> set[str]:
    found = ATOM.match(text)
    if found is None:
        raise NoSelector(f"Expected a name or `method:value`, with `+` or `@` around it, found `{text[:100]}`")
    core = set(filter(_matcher(found["core"], graph, statuses), graph.members))
    if found["at"]:
        below = graph.around(core, graph.children)
        return set(graph.around(below, graph.parents))
    chosen = set(core)
    if found["above"]:
        chosen |= graph.around(core, graph.parents, _steps(found["up"])).keys()
    if found["below"]:
        chosen |= graph.around(core, graph.children, _steps(found["down"])).keys()
    return chosen


def _steps(text: str) -> int | None:
    return int(text[:9]) if text else None


def _matcher(core: str, graph: Graph, statuses: Statuses) -> Callable[[str], bool]:
    """Whether a unique_id is meant by `method:value`, or by a value whose method dbt guesses."""
    given = METHOD.match(core)
    if given:
        method, value = given["method"], given["value"]
    else:
        method, value = "path" if "/" in core else "file" if core.endswith((".sql", ".py", ".csv", ".yml")) else "fqn", core
    members = graph.members
    if method == "result":
        return lambda name: statuses.get(name) == value
    test = METHODS.get(method)
    if test is None:
        raise NoSelector(f"`{method}:` is not known here. There are {', '.join(f'`{name}:`' for name in [*METHODS, 'result'])}")
    return lambda name: test(members[name], value)


def _by_fqn(member: Member, value: str) -> bool:
    fqn = member.fqn.split(".")
    if fnmatchcase(member.name, value):
        return True
    parts = value.split(".")
    return _begins(fqn, parts) or _begins(fqn[1:], parts)


def _begins(fqn: list[str], parts: list[str]) -> bool:
    """Whether a path of names begins with these patterns; a lone `*` at the end means all below."""
    if len(parts) > len(fqn):
        return False
    return all(fnmatchcase(name, part) for name, part in zip(fqn, parts, strict=False))


def _by_path(member: Member, value: str) -> bool:
    wanted = value.removeprefix("./").rstrip("/")
    return member.path == wanted or member.path.startswith(f"{wanted}/") or _globs(member.path, wanted)


def _globs(path: str, pattern: str) -> bool:
    """A pattern of a shell, of a file or of a folder above it; `*` stays within a folder, `**` does not."""
    if not set("*?[") & set(pattern):
        return False
    parts = path.split("/")
    if "**" in pattern:
        return fnmatchcase(path, pattern)
    depth = pattern.count("/") + 1
    return len(parts) >= depth and all(map(fnmatchcase, parts[:depth], pattern.split("/")))


def _by_source(member: Member, value: str) -> bool:
    if member.kind != "source":
        return False
    source, _, table = member.name.partition(".")
    names = [member.package, source, table]
    parts = value.split(".")
    if len(parts) == 3:
        return all(map(fnmatchcase, names, parts))
    return fnmatchcase(source, parts[0]) and (len(parts) == 1 or fnmatchcase(table, parts[1]))


def _named(kind: str) -> Callable[[Member, str], bool]:
    return lambda member, value: (
        member.kind == kind and (fnmatchcase(member.name, value) or fnmatchcase(f"{member.package}.{member.name}", value))
    )


METHODS: dict[str, Callable[[Member, str], bool]] = {
    "fqn": _by_fqn,
    "tag": lambda member, value: any(fnmatchcase(tag, value) for tag in member.tags),
    "path": _by_path,
    "file": lambda member, value: (
        fnmatchcase(member.path.rpartition("/")[2], value) or fnmatchcase(member.path.rpartition("/")[2].rpartition(".")[0], value)
    ),
    "source": _by_source,
    "exposure": _named("exposure"),
    "metric": _named("metric"),
    "semantic_model": _named("semantic_model"),
    "saved_query": _named("saved_query"),
    "resource_type": lambda member, value: member.kind == value,
    "package": lambda member, value: fnmatchcase(member.package, value),
    "config.materialized": lambda member, value: member.materialized == value,
    "config.tags": lambda member, value: value in member.tags,
}
