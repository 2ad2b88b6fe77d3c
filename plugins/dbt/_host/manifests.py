"""Parsed projects that the host keeps in memory, so that a command parses only what has changed since.

The decision what may be kept and what has changed stays dbt's own: it is given a manifest where it would read `partial_parse.msgpack`.
A manifest whose parsing warned of anything is not kept, for the next command would not warn again.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from dbt.contracts.files import FileHash, ParseFileType, SchemaSourceFile
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import SeedNode
from dbt.flags import get_flags
from dbt.mp_context import get_mp_context
from dbt.parser import manifest as parsing
from dbt.parser import read_files as reading
from dbt_common.clients.system import load_file_contents
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.invocation import get_invocation_id

MOST = 4
# By state check: a manifest, with device, inode, size and time of the file that holds the same.
_kept: OrderedDict[str, tuple[Manifest, Any]] = OrderedDict()
_tell = -1
_folder = ""


# --- in the host ------------------------------------------------------------------------------------------------------------------


def keep(told: dict[str, Any]) -> None:
    """Load what a fork has parsed."""
    try:
        with open(told["file"], "rb") as file:
            manifest = Manifest.from_msgpack(file.read(), decoder=parsing.extended_mashumuro_decoder)
        os.unlink(told["file"])
    except Exception as error:  # noqa: BLE001 -- then it is parsed again: nothing is lost but time
        print(f"a manifest is not kept: {error!r}", flush=True)
        return
    _kept.pop(told["key"], None)
    _kept[told["key"]] = (manifest, tuple(told["stamp"]))
    while len(_kept) > MOST:
        _kept.popitem(last=False)
    gc.collect()
    gc.freeze()


# --- in a fork --------------------------------------------------------------------------------------------------------------------


def begin(tell: int, folder: str) -> None:
    """Before dbt runs in a fork: locks that processes share are made anew, for another fork may have died with them."""
    global _tell, _folder
    _tell, _folder = tell, folder
    for manifest, _ in _kept.values():
        manifest._lock = get_mp_context().Lock()


def install() -> None:
    """Have dbt ask here first, once, before any fork."""
    loader: Any = parsing.ManifestLoader
    loader.read_manifest_for_partial_parse = _around_read(loader.read_manifest_for_partial_parse)
    loader.write_manifest_for_partial_parse = _around_write(loader.write_manifest_for_partial_parse)
    loader.load = _around_load(loader.load)
    reading.load_source_file = _around_source(reading.load_source_file)


def _around_read(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(loader: Any) -> Any:
        kept = _fitting(loader)
        if kept is None or not loader.is_partial_parsable(kept)[0]:
            return plain(loader)
        kept.metadata.generated_at = datetime.now(UTC).replace(tzinfo=None)
        kept.metadata.invocation_id = get_invocation_id()
        _move(kept, loader)
        return kept

    return read


def _fitting(loader: Any) -> Any:
    """What is kept for exactly these variables, profile and project settings, unless the folder brings a parsed project of its own."""
    flags = get_flags()
    if not flags.PARTIAL_PARSE or flags.PARTIAL_PARSE_FILE_PATH:
        return None
    manifest, stamp = _kept.get(_key(loader), (None, None))
    found = _stamp(_file(loader))
    return manifest if found in (None, stamp) else None


def _move(manifest: Any, loader: Any) -> None:
    """Seeds say where their project lies; it was parsed in another folder."""
    disabled = [node for nodes in manifest.disabled.values() for node in nodes]
    for node in (*manifest.nodes.values(), *disabled):
        if isinstance(node, SeedNode) and node.package_name in loader.all_projects:
            node.root_path = loader.all_projects[node.package_name].project_root


def _around_write(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write(loader: Any) -> None:
        plain(loader)
        flags = get_flags()
        if loader.warned or not flags.PARTIAL_PARSE or flags.PARTIAL_PARSE_FILE_PATH:
            return
        path = _file(loader)
        copy = os.path.join(_folder, f"{os.getpid()}.msgpack")
        try:
            shutil.copyfile(path, copy)
            os.write(_tell, json.dumps({"key": _key(loader), "file": copy, "stamp": _stamp(path)}).encode() + b"\n")
        except OSError:
            return  # a full disk, or a host that is gone: the next command parses again

    return write


def _around_load(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def load(loader: Any) -> Any:
        loader.warned = False
        with _hearing(loader):
            return plain(loader)

    return load


@contextmanager
def _hearing(loader: Any) -> Any:
    def hear(event: Any) -> None:
        if event.info.level in ("warn", "error"):
            loader.warned = True

    callbacks: Any = get_event_manager().callbacks
    callbacks.append(hear)
    try:
        yield
    finally:
        callbacks.remove(hear)


def _around_source(plain: Callable[..., Any]) -> Callable[..., Any]:
    """dbt takes a YAML file of the same time for the same file. Here folders change and times mean nothing: the content decides."""

    def load(path: Any, parse_file_type: Any, project_name: str, saved_files: Any) -> Any:
        if parse_file_type != ParseFileType.Schema or not saved_files:
            return plain(path, parse_file_type, project_name, saved_files)
        source = SchemaSourceFile(
            path=path, checksum=FileHash.empty(), parse_file_type=parse_file_type, project_name=project_name
        )
        old = saved_files.get(source.file_id)
        if old is None:
            return plain(path, parse_file_type, project_name, {})
        checksum = FileHash.from_contents(load_file_contents(path.absolute_path, strip=True))
        if old.checksum != checksum:
            return plain(path, parse_file_type, project_name, {})
        source.checksum, source.dfy = old.checksum, old.dfy
        return source

    return load


def _file(loader: Any) -> str:
    return str(os.path.join(loader.root_project.project_target_path, parsing.PARTIAL_PARSE_FILE_NAME))


def _stamp(path: str) -> Any:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _key(loader: Any) -> str:
    check = loader.manifest.state_check
    parts = [check.vars_hash.checksum, check.profile_hash.checksum, check.project_env_vars_hash.checksum]
    projects = sorted((name, found.checksum) for name, found in check.project_hashes.items())
    return json.dumps([loader.root_project.project_name, parts, projects])
