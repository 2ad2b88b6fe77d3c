"""Writes docs/reference/ from the plugin classes: one page a type, and an index. `--check` only says whether it is up to date."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from engine.expressions import names  # noqa: E402
from flows.help import Help, Property, all_help  # noqa: E402 -- after the path to the rooms

FOLDER = ROOT / "docs" / "reference"


def _default(one: Property) -> str:
    shown = one.default if isinstance(one.default, str) else json.dumps(one.default, default=str)
    return "" if one.default in (None, "", [], {}) else f"`{shown}`"


def _table(properties: Iterable[Property]) -> str:
    lines = ["| property | type | default | |", "|---|---|---|---|"]
    for one in properties:
        values = f" One of {', '.join(f'`{value}`' for value in one.values)}." if one.values else ""
        text = f"{'**Required.** ' if one.required else ''}{one.description}{values}".replace("|", "\\|").replace("\n", " ")
        lines.append(f"| `{one.name}` | {one.type} | {_default(one)} | {text} |")
    return "\n".join(lines)


def page(found: Help) -> str:
    """The Markdown of one type."""
    parts = [f"# {found.name}", f"`{found.type}` · {found.kind}", found.title, found.description]
    parts += [f"```yaml\n{found.example}\n```"] if found.example else []
    parts += ["## Properties", _table(found.properties)] if found.properties else []
    parts += ["## Outputs", "\n".join(f"- `{name}`: {text}" for name, text in found.outputs)] if found.outputs else []
    parts += [f"Older spellings: {', '.join(f'`{alias}`' for alias in found.aliases)}"] if found.aliases else []
    return "\n\n".join(part for part in parts if part) + "\n"


EXPRESSIONS: tuple[names.Kind, ...] = ("variable", "operator", "tag", "filter", "function", "test")


def expressions() -> str:
    """The Markdown of everything that expressions know."""
    parts = [
        "# Expressions",
        "What stands between `{{` and `}}` in a flow: Pebble, as Kestra ships it. Generated from `engine/expressions/` by `make docs`.",
        "A value that is missing is an error unless `??`, `???`, `is defined` or `default` answers for it. Text out of a variable is not "
        "rendered again: `render()` does that. Whole numbers have 64 bits, and divide to whole numbers. Names with a hyphen need brackets: "
        "`outputs['my-task'].value`.",
        "A rendering ends with an error after 10 MB of output, 100,000 rounds of loops, a million steps, or 0.8 seconds of work.",
    ]
    for kind in EXPRESSIONS:
        lines = [f"| {kind} | | example |", "|---|---|---|"]
        for entry in names.of_kind(kind):
            shown = "<br>".join(f"`{example}` → `{result}`" for example, result in entry.examples)
            cells = (f"`{entry.signature}`", " ".join(entry.help.split()), shown)
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        parts += [f"## {kind.capitalize()}s", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"


def pages() -> dict[str, str]:
    """File name → content of everything below docs/reference/."""
    listed = [one for one in all_help() if not one.problem]
    files = {f"{one.type}.md": page(one) for one in listed}
    index = ["# Task types, triggers and task runners", "Generated from the classes below `plugins/` by `make docs`; do not edit."]
    for group, found in groupby(sorted(listed, key=lambda one: (one.group, one.name)), key=lambda one: one.group):
        index += [f"## {group}", "\n".join(f"- [{one.name}]({one.type}.md): {one.title}" for one in found)]
    common = next(one for one in listed if one.type == "io.kestra.plugin.core.log.Log").common
    index += ["## Properties that every task has", _table(common)]
    index.insert(2, "What may stand between `{{` and `}}` is in [Expressions](expressions.md).")
    return files | {"expressions.md": expressions(), "README.md": "\n\n".join(index) + "\n"}


def main() -> int:
    """0 where the folder is (now) up to date."""
    wanted = pages()
    present = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    if present == wanted:
        return 0
    if "--check" in sys.argv:
        stale = sorted(name for name in wanted.keys() | present.keys() if wanted.get(name) != present.get(name))
        print(f"docs/reference is not what the plugin classes say ({', '.join(stale[:5])}…): run `make docs`")
        return 1
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in present.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
