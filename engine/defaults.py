"""Plugin defaults: what a flow, a namespace or the installation says once for every task of a type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Canonical = Callable[[str], str]
NAMES = ("pluginDefaults", "taskDefaults")


@dataclass(frozen=True, slots=True)
class PluginDefault:
    """Values for every map whose `type` is this type, begins with it, or is another name of it; `forced` lays them over the map's own."""

    type: str
    values: Mapping[str, Any] = field(default_factory=dict)
    forced: bool = False


def read_defaults(raw: Iterable[Any]) -> list[PluginDefault]:
    """The defaults among `{type, forced, values}` maps; what is not such a map is left to the checks."""
    return [
        PluginDefault(entry["type"], entry["values"], entry.get("forced") is True)
        for entry in raw
        if isinstance(entry, Mapping) and isinstance(entry.get("type"), str) and isinstance(entry.get("values"), Mapping)
    ]


def declared_defaults(flow: Mapping[str, Any]) -> list[PluginDefault]:
    """Those that a flow declares itself, in either spelling."""
    found: list[PluginDefault] = []
    for name in NAMES:
        entries = flow.get(name)
        found += read_defaults(entries if isinstance(entries, list) else [])
    return found


def merge(under: Any, over: Any) -> Any:
    """Deep merge: `over` wins, lists are joined (`under` first), a null keeps the other side."""
    if over is None:
        return under
    if isinstance(under, Mapping) and isinstance(over, Mapping):
        return {**under, **{key: merge(under.get(key), value) for key, value in over.items()}}
    if isinstance(under, list) and isinstance(over, list):
        return [*under, *over]
    return over


def apply_defaults(flow: Mapping[str, Any], defaults: Sequence[PluginDefault], canonical: Canonical) -> dict[str, Any]:
    """The flow with its own defaults, then `defaults`, laid under (or over) every map that has a `type`. The most important come first."""
    every = [*declared_defaults(flow), *defaults]
    if not every:
        return dict(flow)
    return {key: value if key in NAMES else _applied(value, every, canonical) for key, value in flow.items()}


def _applied(value: Any, defaults: Sequence[PluginDefault], canonical: Canonical, inside: bool = False) -> Any:
    """`inside` the values of a default, the defaults reach one level and no further: two that name each other would never end."""
    if isinstance(value, list):
        return [_applied(item, defaults, canonical, inside) for item in value]
    if not isinstance(value, Mapping):
        return value
    own: Any = {key: _applied(item, defaults, canonical, inside) for key, item in value.items()}
    kind = value.get("type")
    if not isinstance(kind, str):
        return own
    matching = [default for default in reversed(defaults) if _matches(default.type, kind, canonical)]
    under: Any = {}
    for default in matching:
        if not default.forced:
            under = merge(under, _values(default, defaults, canonical, inside))
    merged = merge(under, own)
    for default in matching:
        if default.forced:
            merged = merge(merged, _values(default, defaults, canonical, inside))
    return merged


def _values(default: PluginDefault, defaults: Sequence[PluginDefault], canonical: Canonical, inside: bool) -> Any:
    return default.values if inside else _applied(default.values, [one for one in defaults if one is not default], canonical, inside=True)


def _matches(declared: str, kind: str, canonical: Canonical) -> bool:
    return kind.startswith(declared) or canonical(kind).startswith(declared) or canonical(declared) == canonical(kind)
