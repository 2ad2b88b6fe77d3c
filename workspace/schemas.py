"""YAML of dbt against the JSON schemas that dbt-core ships (`dbt_schemas/`), as far as those schemas go: a part of draft 7."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "dbt_schemas"
MOST = 100
_TYPES: dict[str, tuple[type, ...]] = {
    "object": (Mapping,), "array": (list,), "string": (str,), "boolean": (bool,), "integer": (int,), "number": (int, float),
    "null": (type(None),),
}  # fmt: skip
Path_ = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong at a path."""

    path: Path_
    message: str


@cache
def _schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found


def faults(value: Any, name: str) -> list[Fault]:
    """What is wrong with a `project` or `resources` file, in its order."""
    root = _schema(name)
    told = (fault for fault in _check(value, root, root, ()) if not _is_argument(fault))
    return [fault for fault, _ in zip(told, range(MOST), strict=False)]


def _is_argument(fault: Fault) -> bool:
    """Whether it is about an argument of a test, which the schemas want below `arguments` and most projects write without."""
    return any(part in fault.path for part in ("tests", "data_tests"))


def _check(value: Any, schema: Any, root: Mapping[str, Any], path: Path_) -> Iterator[Fault]:
    if not isinstance(schema, Mapping):
        if schema is False:
            yield Fault(path, "Nothing may stand here")
        return
    if "$ref" in schema:
        yield from _check(value, _referred(schema["$ref"], root), root, path)
        return
    wanted = schema.get("type")
    if wanted is not None and not _is(value, wanted):
        yield Fault(path, f"Expected {_words(wanted)}, found {_called(value)}")
        return
    yield from _plain(value, schema, path)
    for part in schema.get("allOf", ()):
        yield from _check(value, part, root, path)
    for key in ("anyOf", "oneOf"):
        if key in schema:
            yield from _best(value, schema[key], root, path)
    if isinstance(value, Mapping):
        yield from _members(value, schema, root, path)
    elif isinstance(value, list) and "items" in schema:
        for place, item in enumerate(value):
            yield from _check(item, schema["items"], root, (*path, place))


def _plain(value: Any, schema: Mapping[str, Any], path: Path_) -> Iterator[Fault]:
    if "enum" in schema and value not in schema["enum"] and not _is_template(value):
        yield Fault(path, f"Expected one of {', '.join(map(str, schema['enum']))}; found {_called(value)}")
    if isinstance(value, str) and "pattern" in schema and not _is_template(value) and re.search(schema["pattern"], value) is None:
        yield Fault(path, f"{value[:80]!r} does not have the form {schema['pattern']}")
    if "minimum" in schema and isinstance(value, int | float) and not isinstance(value, bool) and value < schema["minimum"]:
        yield Fault(path, f"Expected at least {schema['minimum']}, found {value}")


def _is_template(value: Any) -> bool:
    """Rendered, it may be anything."""
    return isinstance(value, str) and "{{" in value


def _members(value: Mapping[Any, Any], schema: Mapping[str, Any], root: Mapping[str, Any], path: Path_) -> Iterator[Fault]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield Fault(path, f"{name} is missing")
    for name, inner in value.items():
        if name in known:
            yield from _check(inner, known[name], root, (*path, name))
        elif others is False:
            near = get_close_matches(str(name), known, 1)
            yield Fault((*path, name), f"There is no {str(name)[:80]} here" + (f": did you mean {near[0]}?" if near else ""))
        elif isinstance(others, Mapping):
            yield from _check(inner, others, root, (*path, name))


def _best(value: Any, branches: list[Any], root: Mapping[str, Any], path: Path_) -> Iterator[Fault]:
    """Nothing where a branch fits; else what is wrong by the branch that fits best: the one in which faults lie deepest."""
    found = []
    for branch in branches:
        wrong = list(_check(value, branch, root, path))
        if not wrong:
            return
        found.append(wrong)
    deepest = max(found, key=lambda wrong: (min(len(fault.path) for fault in wrong), -len(wrong)))
    if all(fault.path == path for wrong in found for fault in wrong) and len(found) > 1:
        kinds = list(dict.fromkeys(fault.message.partition(",")[0].removeprefix("Expected ") for wrong in found for fault in wrong))
        yield Fault(path, f"Expected {' or '.join(kinds)}, found {_called(value)}")
    else:
        yield from deepest


def _referred(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def _is(value: Any, wanted: str | list[str]) -> bool:
    if _is_template(value):
        return True
    for kind in [wanted] if isinstance(wanted, str) else wanted:
        if kind == "string" and value is not None and not isinstance(value, Mapping | list | bool | int | float):
            return True  # dates, too
        if isinstance(value, bool) and kind in ("integer", "number"):
            continue
        if isinstance(value, _TYPES[kind]):
            return True
    return False


def _words(wanted: str | list[str]) -> str:
    names = {"object": "a map", "array": "a list", "string": "a text", "boolean": "true or false", "integer": "a whole number"}
    kinds = [wanted] if isinstance(wanted, str) else [kind for kind in wanted if kind != "null"] or ["null"]
    return " or ".join(names.get(kind, f"a {kind}" if kind == "number" else "nothing") for kind in kinds)


def _called(value: Any) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, Mapping | list):
        return "a map" if isinstance(value, Mapping) else "a list"
    return repr(value)[:60] if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)[:60]
