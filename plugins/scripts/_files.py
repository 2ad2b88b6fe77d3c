"""Files that come into a task's folder and files that leave it: namespace files, input files, outputs, `kestra://` URIs."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from plugins.contract import RunContext, TaskFailed
from plugins.scripts import _folders, _globs, _render
from plugins.scripts._schema import NamespaceFiles

_STORAGE_URI = re.compile(r"kestra://[-a-zA-Z0-9%._+~#=/]*")
_IF_EXISTS = ("OVERWRITE", "FAIL", "WARN", "IGNORE")


def bring_namespace_files(context: RunContext, wanted: NamespaceFiles | None, folder: Path) -> int:
    """Copy namespace files into `folder`; answers how many. A later namespace wins over an earlier one."""
    if wanted is None or not _render.flag(context, wanted.enabled):
        return 0
    include, exclude = _render.texts(context, wanted.include), _render.texts(context, wanted.exclude)
    rule = context.render(wanted.if_exists).upper()
    if rule not in _IF_EXISTS:
        raise TaskFailed(f"Invalid ifExists '{rule}': expected one of {', '.join(_IF_EXISTS)}", retryable=False)
    apart = _render.flag(context, wanted.folder_per_namespace)
    count = 0
    for namespace in _render.texts(context, wanted.namespaces):
        with tempfile.TemporaryDirectory(prefix="namespace-", dir=folder.parent) as staging:
            context.namespace(namespace).files.copy_to(Path(staging), include, exclude)
            for name in sorted(os.listdir(staging)):
                count += _place(context, Path(staging, name), folder, f"{namespace}/{name}" if apart else name, rule)
    context.log("DEBUG", f"Brought {count} namespace file(s) into the working directory")
    return count


def _place(context: RunContext, source: Path, folder: Path, name: str, rule: str) -> int:
    """Move a file, or a folder with what is in it, to its place; answers how many files that were."""
    target = _folders.inside(folder, name)
    if source.is_dir() and os.path.lexists(target):
        return sum(_place(context, source / below, folder, f"{name}/{below}", rule) for below in sorted(os.listdir(source)))
    if target.exists() and rule != "OVERWRITE":
        if rule == "FAIL":
            raise TaskFailed(f"The namespace file '{name}' cannot be brought: a file of this name is in the working directory already")
        if rule == "WARN":
            context.log("WARN", f"The namespace file '{name}' was not brought: a file of this name is in the working directory already")
        return 0
    count = sum(len(names) for _, _, names in os.walk(source)) if source.is_dir() else 1
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        target.unlink()
    shutil.move(source, target)
    return count


def write_input_files(context: RunContext, given: Mapping[str, Any] | str | None, folder: Path, variables: Mapping[str, Any]) -> list[str]:
    """Write `inputFiles`; a value that is a URI stands for the file it names. Answers the names."""
    files = _render.mapping(context, given, "inputFiles", variables)
    for name, value in files.items():
        _folders.write(folder, name, _content(context, value))
    return list(files)


def _content(context: RunContext, value: str) -> bytes | Path:
    text = value.strip()
    if "\n" in text:
        return value.encode()
    if text.startswith("kestra://"):
        return context.storage.open(text)
    if text.startswith("nsfile://"):
        place, _, path = text.removeprefix("nsfile://").partition("/")
        return context.namespace(place or None).files.read(path)
    if text.startswith("file://"):
        raise TaskFailed(f"'{text}' cannot be used as an input file: files of this machine are not open to tasks", retryable=False)
    return value.encode()


def localised(context: RunContext, text: str, private: Path) -> str:
    """The text with every `kestra://` URI replaced by the path of a copy that the task may read."""

    def local(found: re.Match[str]) -> str:
        uri = found.group(0)
        digest = hashlib.sha256(uri.encode()).hexdigest()[:12]
        target = private / "files" / digest / (uri.rstrip("/").rpartition("/")[2] or "file")
        if not target.exists():
            source = context.storage.open(uri)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
        return str(target)

    return _STORAGE_URI.sub(local, text)


def named_outputs(patterns: Sequence[str], folder: Path) -> dict[str, str]:
    """`{{ outputFiles['name'] }}`: the absolute path of every output file that is named without a pattern."""
    return {name: str(folder / name) for name in patterns if not _globs.is_pattern(name)}


def collect(context: RunContext, folder: Path, output_dir: Path | None, patterns: Sequence[str]) -> dict[str, str]:
    """Store every file of the output directory and every file that matches a pattern; relative path -> URI."""
    stored = (
        {name: context.storage.put(path, name) for name, path in _folders.files(output_dir)} if output_dir and output_dir.is_dir() else {}
    )
    if patterns:
        for name, path in _folders.files(folder):
            if name not in stored and _globs.matches(name, patterns, anywhere=False):
                stored[name] = context.storage.put(path, name)
        for name in patterns:
            if not _globs.is_pattern(name) and name.removeprefix("./") not in stored:
                context.log("WARN", f"The output file '{name}' was not found in the working directory")
    return stored
