"""Looking for a text or a pattern in the sources of flows, and putting another text in its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import regex

from flows import selectors, services
from flows.models import Flow
from flows.validation import InvalidFlow
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from plugins.catalog import canonical
from ui.errors import Invalid, KestraError, Missing

SCOPES = {"ALL": "", "TASKS": "tasks", "TRIGGERS": "triggers", "INPUTS": "inputs"}
SECONDS = 1.0  # that a pattern may take in one line
LONGEST_QUERY, LONGEST_SNIPPET, MOST_LINES = 1000, 500, 1000
TOP_LEVEL = regex.compile(r"([A-Za-z_]\w*)\s*:")
GROUP = regex.compile(r"\\(.)|\$(\d)")


@dataclass(frozen=True, slots=True)
class Match:
    """A line that was found, counted from 1, and the column of its first hit, from 0."""

    line: int
    column: int
    text: str
    spans: tuple[tuple[int, int], ...]

    @property
    def snippet(self) -> str:
        return self.text.strip()[:LONGEST_SNIPPET]

    @property
    def marked(self) -> str:
        """The line with `[mark]` around each hit."""
        made, at = "", 0
        for start, end in self.spans:
            made += f"{self.text[at:start]}[mark]{self.text[start:end]}[/mark]"
            at = end
        return (made + self.text[at:]).strip()[: 2 * LONGEST_SNIPPET]


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for; `scope` is one of the sections of a flow, or ALL. Raises Invalid where it is made of nonsense."""

    text: str
    case_sensitive: bool = False
    whole_word: bool = False
    regex: bool = False
    scope: str = "ALL"

    def __post_init__(self) -> None:
        if self.scope not in SCOPES:
            raise Invalid(f"`scope` is one of {', '.join(SCOPES)}, got {self.scope[:50]}")
        if len(self.text) > LONGEST_QUERY:
            raise Invalid(f"A query has at most {LONGEST_QUERY} characters")

    def pattern(self) -> Any:
        body = self.text if self.regex else regex.escape(self.text)
        try:
            return regex.compile(rf"\b(?:{body})\b" if self.whole_word else body, 0 if self.case_sensitive else regex.IGNORECASE)
        except (regex.error, RecursionError, OverflowError) as error:
            raise Invalid(f"invalid pattern [{self.text[:200]}]: {error}") from error

    def matches(self, source: str) -> list[Match]:
        """The lines of a source in which it is found."""
        if not self.text:
            return []
        found, pattern = [], self.pattern()
        for number, line in _lines(source, SCOPES[self.scope]):
            spans = tuple(one.span() for one in _within_time(lambda line=line: list(pattern.finditer(line, timeout=SECONDS))))
            if spans:
                found.append(Match(number, spans[0][0], line, spans))
                if len(found) == MOST_LINES:
                    break
        return found

    def replaced(self, text: str, replacement: str) -> str:
        """A line with the replacement in each place; `$1` stands for a group of a pattern."""
        pattern = self.pattern()

        def put(match: Any) -> str:
            return GROUP.sub(lambda one: one[1] or (match[int(one[2])] or ""), replacement) if self.regex else replacement

        try:
            return _within_time(lambda: pattern.sub(put, text, timeout=SECONDS))
        except IndexError as error:
            raise Invalid(f"The replacement names a group that the pattern has not: {replacement[:200]}") from error


def _within_time(work: Any) -> Any:
    try:
        return work()
    except TimeoutError as error:
        raise Invalid("This pattern takes too long: write one that can be decided faster") from error


def _lines(source: str, section: str) -> Iterator[tuple[int, str]]:
    """The lines of a source with their numbers, only those below one top-level key where a section is named."""
    here = ""
    for number, line in enumerate(source.splitlines(), start=1):
        if match := TOP_LEVEL.match(line):
            here = match[1]
        if not section or here == section:
            yield number, line


@dataclass(frozen=True, slots=True)
class Found:
    """A flow with the lines that were found in it; `editable` says whether the asker may change it."""

    flow: Flow
    matches: list[Match]
    editable: bool


def search(user: Person, query: Query, namespace: str = "") -> list[Found]:
    """Flows in whose source something is found, of those that the asker may see; without a text all of them."""
    rows = rights.filter_readable(Flow.objects.filter(deleted=False), user).order_by("namespace", "flow_id")
    if namespace:
        rows = rows.filter(rights.below(namespace))
    if query.text and not query.regex:
        rows = rows.filter(source__icontains=query.text)
    roles: dict[str, bool] = {}
    found = []
    for row in rows.iterator(chunk_size=200):
        matches = query.matches(row.source)
        if matches or not query.text:
            if row.namespace not in roles:
                roles[row.namespace] = rights.allows(rights.role_of(user, row.namespace), Role.MEMBER)
            found.append(Found(row, matches, roles[row.namespace]))
    return found


def rewritten(query: Query, source: str, replacement: str, *, only: int | None = None) -> str:
    """The source with the replacement in every line that is found, or in line `only`."""
    lines = source.splitlines(keepends=True)
    for match in query.matches(source):
        if only is None or match.line == only:
            ending = lines[match.line - 1][len(match.text) :]
            lines[match.line - 1] = query.replaced(match.text, replacement) + ending
    return "".join(lines)


@dataclass(frozen=True, slots=True)
class Applied:
    """What a replacement did: flows with a new revision, and those left alone as (namespace, id, reason, message)."""

    updated: list[Flow]
    skipped: list[tuple[str, str, str, str]]


def apply(user: Person, query: Query, replacement: str, flows: list[tuple[str, str]]) -> Applied:
    """Replace in each of these flows; one that cannot be changed is left alone and told."""
    done = Applied([], [])
    for namespace, flow_id in flows:
        reason, message = _apply(user, query, replacement, namespace, flow_id, done.updated)
        if reason:
            done.skipped.append((namespace, flow_id, reason, message))
    return done


def _apply(user: Person, query: Query, replacement: str, namespace: str, flow_id: str, updated: list[Flow]) -> tuple[str, str]:
    try:
        rights.require(user, namespace, Role.READER)
        row = selectors.flow(namespace, flow_id)
    except Missing:
        return "NOT_FOUND", ""
    if not rights.allows(rights.role_of(user, namespace), Role.MEMBER):
        return "READ_ONLY", ""
    if not query.matches(row.source):
        return "NO_MATCH", ""
    source = rewritten(query, row.source, replacement)
    if source == row.source:
        return "NO_CHANGE", ""
    try:
        updated.append(services.update(user=user, namespace=namespace, flow_id=flow_id, source=source))
    except InvalidFlow as error:
        return "INVALID_FLOW", error.message
    except KestraError as error:
        return "UNKNOWN", error.message
    return "", ""


def replace_line(user: Person, query: Query, replacement: str, *, namespace: str, flow_id: str, line: int) -> Flow:
    """Replace in one line of one flow. Raises FlowMissing, InvalidFlow, Invalid where nothing is found there."""
    rights.require(user, namespace, Role.MEMBER)
    row = selectors.flow(namespace, flow_id)
    if line not in [match.line for match in query.matches(row.source)]:
        raise Invalid(f"Line {line} of '{namespace}'.'{flow_id}' does not contain it any more")
    return services.update(user=user, namespace=namespace, flow_id=flow_id, source=rewritten(query, row.source, replacement, only=line))


def deprecated(user: Person, namespace: str = "") -> list[tuple[Flow, Mapping[str, str]]]:
    """Flows that use a type by an old name, with `{old: new}`."""
    rows = selectors.search(user, namespace=namespace)
    told = ((row, dict(_old_names(row.raw))) for row in rows)
    return [(row, names) for row, names in told if names]


def _old_names(node: Any) -> Iterator[tuple[str, str]]:
    if isinstance(node, Mapping):
        type_ = node.get("type")
        if isinstance(type_, str) and (current := canonical(type_)) != type_:
            yield type_, current
    for value in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from _old_names(value)
