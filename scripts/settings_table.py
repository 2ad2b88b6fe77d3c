"""The table of settings in README.md, made from `kestra_web/environment.py`; `make lint` and a test hold the two equal.

.venv/bin/python scripts/settings_table.py [--write]
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from kestra_web.environment import SETTINGS, Setting  # noqa: E402 -- found by the line above from any working folder

README = ROOT / "README.md"
BEGIN, END = "<!-- settings: made by scripts/settings_table.py -->\n", "<!-- end of settings -->"
PATTERNS = (
    "| `SECRET_<KEY>` | | Base64 of a secret that every flow may read as `secret('<KEY>')`. |",
    "| `KESTRA_<NAME>` | | Seen by expressions as `envs.<name>`, save the names above. |",
)


def table() -> str:
    """Markdown rows, one for each setting."""
    return "\n".join(["| setting | default | what it does |", "|---|---|---|", *map(row, SETTINGS.values()), *PATTERNS]) + "\n"


def row(setting: Setting) -> str:
    """One row; a secret may also come from a file."""
    also = f" or `{setting.name}_FILE`" if setting.secret else ""
    default = f"`{setting.default}`" if setting.default else ""
    return f"| `{setting.name}`{also} | {default} | {setting.help} |"


def in_readme() -> str:
    """The table as README.md has it."""
    return README.read_text().partition(BEGIN)[2].partition(END)[0]


if __name__ == "__main__":
    if "--write" in sys.argv:
        text = README.read_text()
        README.write_text(text.replace(in_readme(), table()) if in_readme() else text.replace(BEGIN, BEGIN + table()))
    else:
        print(table(), end="")
