"""How the editor's questions connect: which profile a project has, which of its targets are there and chosen, and both made read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from catalog.reading import mapping
from flows.models import Flow
from namespaces import files
from namespaces.files import NoSuchFile
from namespaces.models import User
from namespaces.services import connections, people
from plugins.dbt._host.reading import READS_ONLY
from workspace.project_files import Project

SETTING = "dbt_targets"
READ_ONLY = "-c default_transaction_read_only=on"  # what PGOPTIONS says to PostgreSQL and Redshift


@dataclass(frozen=True, slots=True)
class Target:
    """One place where dbt may run; where it is `guarded`, nobody builds by hand."""

    name: str
    adapter: str
    guarded: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """The targets of a project, who names them (`profiles.yml`, `connections`, `flows` or nobody), and the one that is used by default."""

    origin: str
    default: str
    targets: tuple[Target, ...]

    def used(self, name: str) -> Target | None:
        """The target that is used where a person chose `name`, or nothing."""
        return next((one for one in self.targets if one.name == (name or self.default)), None)


def offered(project: Project) -> Offer:
    """What a person can choose from."""
    namespace, profile = project.place.namespace, profile_of(project)
    text, origin = brought(project), "profiles.yml"
    default = connections.find(namespace, None) if not text else None
    if default is not None:
        rows = connections.of_namespace(namespace)
        return Offer("connections", default.name, tuple(Target(row.name, row.adapter, row.protected and not row.personal) for row in rows))
    if not text:
        text, origin = next(of_flows(namespace, profile), ""), "flows"
    found = {str(name): str(mapping(output).get("type") or "") for name, output in outputs(text, profile).items()}
    named = str(mapping(read(text).get(profile)).get("target") or "default")
    return Offer(origin if found else "", named if named in found else "", tuple(Target(*pair) for pair in found.items()))


def profile_of(project: Project) -> str:
    """The name of the profile that a project asks for."""
    return str(project.says.get("profile") or "default")


def brought(project: Project) -> str:
    """The profiles.yml of the files that has the profile of the project: beside it, else at the top; empty where none has."""
    return next((text for path in ("profiles.yml", project.at("profiles.yml")) if (text := naming(project, path))), "")


def naming(project: Project, path: str) -> str:
    """The text of this file where it says how the project connects, else nothing."""
    try:
        text = files.read(project.place, path).decode(errors="replace")
    except NoSuchFile:
        return ""
    return text if profile_of(project) in read(text) else ""


def chosen(user: User, namespace: str) -> str:
    """The target that a person chose for a namespace; empty for the default of the profile."""
    found = mapping(user.settings.get(SETTING)).get(namespace)
    return found if isinstance(found, str) else ""


def choose(user: User, namespace: str, target: str) -> None:
    """Remember a target; an empty one is the default again."""
    kept = {name: value for name, value in mapping(user.settings.get(SETTING)).items() if name != namespace}
    people.keep(user=user, name=SETTING, value={**kept, **({namespace: target} if target else {})})


def outputs(text: str, profile: str) -> Mapping[str, Any]:
    """The targets of a profile by name."""
    return mapping(mapping(read(text).get(profile)).get("outputs"))


def read(text: str) -> Mapping[str, Any]:
    """What a profiles.yml says; nothing where it cannot be read."""
    try:
        return mapping(yaml.safe_load(text))
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}


def of_flows(namespace: str, profile: str) -> Iterator[str]:
    """The texts of `profiles` that dbt tasks in flows of the namespace bring along for this profile, those of newer flows first.

    Templates in them are not rendered.
    """
    named = re.compile(rf"^[\"']?{re.escape(profile)}[\"']?\s*:", re.MULTILINE)
    rows = Flow.objects.filter(namespace=namespace, deleted=False, source__contains="profiles").order_by("-updated")
    for raw in rows.values_list("raw", flat=True)[:200]:
        yield from (text for text in _texts(raw) if named.search(text))


def _texts(value: Any) -> Iterator[str]:
    """Every text under a key `profiles`, however deep."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key == "profiles" and isinstance(inner, str):
                yield inner
            else:
                yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def read_only(text: str, profile: str, target: str, folder: Path) -> tuple[str, dict[str, str]]:
    """The profile with its target made to read only, as far as its adapter can; and the environment that this needs.

    `folder` is where relative paths begin. A DuckDB file that is not there yet is left to be made.
    """
    says = dict(read(text))
    found = mapping(says.get(profile))
    name = target or str(found.get("target") or "default")
    output = dict(mapping(mapping(found.get("outputs")).get(name)))
    env = {READS_ONLY: "1"} if output.get("type") in ("duckdb", "postgres", "redshift") else {}
    if output.get("type") == "duckdb" and _is_file(output.get("path"), folder):
        output["config_options"] = {**mapping(output.get("config_options")), "access_mode": "READ_ONLY"}
    elif output.get("type") in ("postgres", "redshift"):
        search_path = output.pop("search_path", None)  # it would be the only option otherwise
        path = str(search_path).replace("\\", "\\\\").replace(" ", "\\ ") if search_path else ""
        env["PGOPTIONS"] = f"{READ_ONLY} -c search_path={path}" if path else READ_ONLY
    if not output:
        return text, {}
    says[profile] = {**found, "outputs": {**mapping(found.get("outputs")), name: output}}
    return yaml.safe_dump(says, sort_keys=False, allow_unicode=True), env


def _is_file(path: Any, folder: Path) -> bool:
    text = str(path or "")
    return bool(text) and not text.startswith((":memory:", "md:", "motherduck:")) and (folder / text).is_file()
