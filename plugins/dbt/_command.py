"""The command lines of a dbt task: what is added to them, and what they say about folders."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

# Commands of dbt that run nodes, and so fill run_results.json with results worth keeping.
_RUNS = ("build", "run", "test", "seed", "snapshot", "retry", "clone", "run-operation", "source freshness", "compile", "docs generate")

_SELECT = ("--select", "-s", "--models", "--model", "-m")
SELECTING = frozenset((*_SELECT, "--exclude", "--selector", "--resource-type", "--resource-types", "--exclude-resource-type"))
_QUOTED = r"\"[^\"]*\"|'[^']*'"
_VALUE = rf"(?:{_QUOTED}|[^\s\"'&|;<>-][^\s\"'&|;<>]*)"
_SELECTION = re.compile(rf"\s({'|'.join((*_SELECT, '--exclude'))})(?:=|\s+)({_VALUE}(?:\s+{_VALUE})*)")
_NEEDS_STATE = re.compile(r"(^|[+@\d])(state|result|source_status):")


def compose(command: str, project_dir: str | None, log_format: str) -> str:
    """The line that is run: `--project-dir`, `--log-format` and `--log-path` at the end of every line that starts with `dbt`.

    As Kestra does it: no trimming, no parsing, and never twice. `log_format` is JSON, TEXT, DEBUG or NONE.
    """
    if not command.startswith("dbt"):
        return command
    if project_dir and "--project-dir" not in command:
        command += f" --project-dir {project_dir}"
    if log_format != "NONE" and "--log-format" not in command:
        command += f" --log-format {log_format.lower()}"
    if "--log-path" not in command:
        command += " --log-path logs"
    return command


@dataclass(frozen=True, slots=True)
class Invocation:
    """One call of dbt found in the commands. Folders are relative to the working directory unless absolute."""

    verb: str
    project_dir: str
    target_path: str | None = None
    profiles_dir: str | None = None
    deferred: bool = False
    target: str | None = None
    variables: str | None = None  # as YAML
    selective: bool = False  # it names the nodes that it takes, or those that it leaves out

    @property
    def runs_nodes(self) -> bool:
        return self.verb in _RUNS


def invocations(commands: Iterable[str]) -> list[Invocation]:
    """Every call of dbt in the commands, in order, following `cd` within a command."""
    found = []
    for command in commands:
        folder = ""
        for words in _simple_commands(command):
            if words[0] == "cd" and len(words) > 1:
                folder = str(PurePosixPath(folder, words[1]))
            call = list(itertools.dropwhile(re.compile(r"\w+=.*|time|exec|nice").fullmatch, words))
            if call and PurePosixPath(call[0]).name == "dbt":
                found.append(_invocation(call, folder))
    return found


def needs_state(commands: Iterable[str]) -> bool:
    """Whether a call of dbt compares with a state."""
    words = (word for command in commands for word in re.split(r"[\s,'\"]+", command))
    return any(_NEEDS_STATE.search(word) or word in ("--defer", "--state") or word.startswith("--state=") for word in words)


def without_state(command: str) -> str:
    """The command as it is where there is no state to compare with: everything is new, nothing can be deferred to.

    `--select state:modified+` takes every node, `--select state:modified+,tag:daily` every one with the tag; `--exclude` keeps what
    names no state. What is no option of dbt stays as it is written.
    """
    command = re.sub(r"\s--(no-)?(defer|favor-state)(?![\w-])", "", command)
    command = re.sub(rf"\s--(defer-)?state[=\s]+({_QUOTED}|\S+)", "", command)
    return _SELECTION.sub(_without, command)


def _without(found: re.Match[str]) -> str:
    option, values = found[1], re.split(r"\s+", re.sub(r"[\"']", " ", found[2]).strip())
    if not any(_NEEDS_STATE.search(part) for value in values for part in value.split(",")):
        return found[0]
    kept = [",".join(part for part in value.split(",") if not _NEEDS_STATE.search(part)) for value in values]
    if option == "--exclude":
        kept = [value for value, given in zip(kept, values, strict=True) if value == given]
    elif "" in kept:
        return ""  # a union with everything
    return f" {option} {shlex.join(kept)}" if kept else ""


def _simple_commands(text: str) -> Iterator[list[str]]:
    """The simple commands of a shell text as words, as far as they can be read without running it."""
    for line in re.split(r"\n|&&|\|\||;", text.replace("\\\n", " ")):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            words = line.split()
        if words:
            yield words


def _invocation(words: list[str], folder: str) -> Invocation:
    told = ("--project-dir", "--target-path", "--profiles-dir", "--state", "--target", "-t", "--vars")
    options = {name: _option(words, name) for name in told}
    plain = list(itertools.takewhile(lambda word: not word.startswith("-"), words[1:3]))
    verb = " ".join(plain) if plain[:1] in (["source"], ["docs"]) else (plain[0] if plain else "")
    return Invocation(
        verb=verb or _first_verb(words),
        project_dir=str(PurePosixPath(folder, options["--project-dir"] or "")),
        target_path=options["--target-path"],
        profiles_dir=options["--profiles-dir"],
        deferred=options["--state"] is not None or "--defer" in words,
        target=options["--target"] or options["-t"],
        variables=options["--vars"],
        selective=any(word.partition("=")[0] in SELECTING for word in words),
    )


def _first_verb(words: list[str]) -> str:
    """The verb where options of dbt itself come before it."""
    for position, word in enumerate(words[1:], start=1):
        two = " ".join(words[position : position + 2])
        if two in _RUNS:
            return two
        if word in _RUNS:
            return word
    return ""


def _option(words: list[str], name: str) -> str | None:
    for position, word in enumerate(words):
        if word == name and position + 1 < len(words):
            return words[position + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None
