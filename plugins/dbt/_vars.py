"""Which variables of a project its nodes use, and what these are in a call of dbt: told as sums, since they may be secret."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from plugins.dbt._artifacts import Artifact
from plugins.dbt._command import Invocation
from plugins.scripts import _folders

_USED = re.compile(r"\bvar\(\s*['\"]([\w.-]+)['\"]")


@dataclass(slots=True)
class Variables:
    """The variables of one manifest. `given` are those of the commands, which win; `written` are those of dbt_project.yml."""

    manifest: Artifact | None
    given: Mapping[str, Any]
    written: Mapping[str, Any]
    _by_macro: dict[str, frozenset[str]] = field(default_factory=dict)

    def of(self, unique_id: str) -> dict[str, str]:
        """The variables that a node uses, itself or by macros: a sum of the value of each by its name."""
        node = self.manifest.node(unique_id) if self.manifest is not None else {}
        names = set(_USED.findall(f"{node.get('raw_code') or ''}\n{node.get('unrendered_config') or ''}".replace("\\'", "'")))
        for macro in _mapping(node.get("depends_on")).get("macros") or ():
            names |= self._of_macro(str(macro))
        return {name: _sum(self._value(name, str(node.get("package_name") or ""))) for name in sorted(names)}

    def _value(self, name: str, package: str) -> Any:
        own = _mapping(self.written.get(package))
        return self.given[name] if name in self.given else own.get(name, self.written.get(name))

    def _of_macro(self, name: str) -> frozenset[str]:
        if name not in self._by_macro:
            seen, open_, found = {name}, [name], set[str]()
            while open_:
                macro = self.manifest.macro(open_.pop()) if self.manifest is not None else {}
                found.update(_USED.findall(str(macro.get("macro_sql") or "")))
                others = {str(other) for other in _mapping(macro.get("depends_on")).get("macros") or ()} - seen
                seen |= others
                open_ += others
            self._by_macro[name] = frozenset(found)
        return self._by_macro[name]


def of_call(manifest: Artifact | None, root: Path, project: Path, calls: Iterable[Invocation]) -> Variables:
    """The variables as commands that work on a project below `root` have them; where several say one, as the last does."""
    given: dict[str, Any] = {}
    for call in calls:
        given |= _mapping(_yaml(call.variables or ""))
    written = _mapping(_yaml((_folders.read_inside(root, project / "dbt_project.yml") or b"").decode(errors="replace")))
    return Variables(manifest, given, _mapping(written.get("vars")))


def _yaml(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _sum(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:12]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
