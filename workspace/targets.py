"""How the editor's questions connect: which profile a project has, which of its targets a person chose, and both made read-only."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from catalog.reading import mapping
from flows.models import Flow
from namespaces.models import User
from namespaces.services import people
from plugins.dbt._host.reading import READS_ONLY

SETTING = "dbt_targets"
READ_ONLY = "-c default_transaction_read_only=on"  # what PGOPTIONS says to PostgreSQL and Redshift


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
