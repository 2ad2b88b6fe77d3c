"""Formatting and linting SQL with sqlfmt and sqlfluff, which live in an environment of their own that a worker makes at the first use."""

from __future__ import annotations

import configparser
import io
import json
from collections.abc import Mapping
from typing import Any

from catalog.reading import mapping
from catalog.sql_reader import DIALECTS
from plugins.contract import RunContext, ShellCommand, TaskFailed
from plugins.core.runner.process import run_as_process
from plugins.scripts import _environments, _folders
from plugins.scripts._images import Recipe
from workspace import questions
from workspace.kept_copies import KeptCopy

RECIPE = Recipe("sql-tools", ("shandy-sqlfmt[jinjafmt]~=0.32.0", "sqlfluff~=4.5"))
SECONDS = 120.0
LONGEST_LINE = 1_000


def formatted(context: RunContext, copy: KeptCopy, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The text as sqlfmt writes it, by the settings in the place's pyproject.toml; or problems."""
    status, lines = _run(context, copy, ["sqlfmt", "--no-progressbar", "--no-color", "--single-process", asked["path"]])
    if status:
        told = [line for line in lines if line.strip() and "formatting" not in line and "file" not in line.split()[1:2]]
        return {"problems": [questions.problem(" ".join(told)[:LONGEST_LINE] or "sqlfmt cannot read this text")]}
    content = _folders.read_inside(copy.files, copy.files / asked["path"])
    if content is None:
        raise TaskFailed("sqlfmt left no file")
    return {"text": content.decode()}


def linted(context: RunContext, copy: KeptCopy, asked: Mapping[str, Any]) -> dict[str, Any]:
    """What sqlfluff says of the text, by the rules in the place's configuration."""
    _folders.write(copy.beside, "sqlfluff.cfg", _settings(copy, asked).encode())
    options = ["--format", "json", "--nocolor", "--disable-progress-bar", "--templater", "jinja"]
    argv = ["sqlfluff", "lint", *options, "--config", str(copy.beside / "sqlfluff.cfg"), asked["path"]]
    _, lines = _run(context, copy, argv)
    found = next((read for line in lines if line.startswith("[") and (read := _json(line)) is not None), None)
    if found is None:
        return {"problems": [questions.problem(" ".join(lines)[-LONGEST_LINE:] or "sqlfluff said nothing")]}
    return {"found": [_violation(one) for file in found for one in mapping(file).get("violations") or ()]}


def _settings(copy: KeptCopy, asked: Mapping[str, Any]) -> str:
    """Ours beside the author's: the dialect of the adapter where they name none, and where the macros of the project lie."""
    own = configparser.ConfigParser(interpolation=None, strict=False)
    for name in dict.fromkeys((".sqlfluff", f"{asked['folder']}/.sqlfluff" if asked["folder"] else ".sqlfluff")):
        try:
            own.read_string((_folders.read_inside(copy.files, copy.files / name) or b"").decode(errors="replace"))
        except configparser.Error:
            continue  # sqlfluff says so itself
    made = configparser.ConfigParser(interpolation=None)
    made["sqlfluff"] = {} if own.has_option("sqlfluff", "dialect") else {"dialect": DIALECTS.get(asked["adapter"], "") or "ansi"}
    folders = [str(copy.files / folder) for folder in asked["macros"] if (copy.files / folder).is_dir()]
    if folders:
        made["sqlfluff:templater:jinja"] = {"load_macros_from_path": ",".join(folders)}
    text = io.StringIO()
    made.write(text)
    return text.getvalue()


def _run(context: RunContext, copy: KeptCopy, argv: list[str]) -> tuple[int, list[str]]:
    """The exit code and the lines of a program of the environment, run in the copy."""
    folder, lines = _environments.ensure(context, RECIPE), list[str]()
    program = [str(folder / "bin" / argv[0]), *argv[1:]]
    command = ShellCommand(program, copy.files, _environments.variables(folder), lambda _, line: lines.append(line), timeout=SECONDS)
    return run_as_process(command, context).exit_code, lines


def _json(line: str) -> list[Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, list) else None


def _violation(one: Any) -> dict[str, Any]:
    about = mapping(one)
    code = str(about.get("code") or "")
    severity = "error" if code == "PRS" else "warning"
    line, column = (int(about.get(name) or 1) for name in ("start_line_no", "start_line_pos"))
    found = {"line": line, "column": column, "message": f"{about.get('description')} ({code})", "severity": severity}
    return found | {"end_line": about.get("end_line_no"), "end_column": about.get("end_line_pos"), "code": code}
