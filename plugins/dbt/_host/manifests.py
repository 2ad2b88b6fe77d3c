"""Parsed projects that the host keeps in memory, so that a command parses only what has changed since.

The decision what may be kept and what has changed stays dbt's own: it is given a manifest where it would read `partial_parse.msgpack`.
A manifest whose parsing warned of anything is not kept, for the next command would not warn again.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from dbt.contracts.files import FileHash, ParseFileType, SchemaSourceFile
from dbt.contracts.graph.manifest import Manifest
from dbt.contracts.graph.nodes import SeedNode
from dbt.flags import get_flags
from dbt.mp_context import get_mp_context
from dbt.parser import manifest as parsing
from dbt.parser import read_files as reading
from dbt_common.clients.system import load_file_contents, make_directory
from dbt_common.events.event_manager_client import get_event_manager
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note
from dbt_common.exceptions import DbtBaseException
from dbt_common.invocation import get_invocation_id

from . import parts

MOST = 4


@dataclass
class Kept:
    """A parsed project, with device, inode, size and time of the file that holds the same, and what its artifacts consist of."""

    manifest: Any
    stamp: Any
    bound: bool  # nobody knows what its parsing warned of: it stands for this very file only
    whole: bool  # parsed from nothing
    texts: parts.Texts | None = None


_kept: OrderedDict[str, Kept] = OrderedDict()  # by state check
_tell = -1
_folder = ""
_used = False  # whether this fork began with what is kept
_usable = True
_loaded: Any = None  # the loader of the project that this fork runs


# --- in the host ------------------------------------------------------------------------------------------------------------------


def keep(told: dict[str, Any]) -> None:
    """Load what a fork has parsed."""
    try:
        with open(told["file"], "rb") as file:
            manifest = _unpacked(file.read())
        os.unlink(told["file"])
    except Exception as error:  # noqa: BLE001 -- then it is parsed again: nothing is lost but time
        print(f"a manifest is not kept: {error!r}", flush=True)
        return
    _kept.pop(told["key"], None)
    _kept[told["key"]] = Kept(manifest, tuple(told["stamp"]), told["bound"], told["whole"])
    while len(_kept) > MOST:
        _kept.popitem(last=False)
    gc.collect()
    gc.freeze()


def complete(told: dict[str, Any]) -> None:
    """Load the parts of its artifacts."""
    kept = _kept.get(told["key"])
    try:
        texts = parts.load(told["parts"])
    except (OSError, ValueError, EOFError, TypeError):
        return
    if kept is not None and kept.stamp == tuple(told["stamp"]):
        kept.texts = texts


# --- between them -----------------------------------------------------------------------------------------------------------------

FIELDS = (
    *("nodes", "sources", "macros", "docs", "exposures", "functions", "metrics", "groups", "selectors", "files", "metadata"),
    *("state_check", "disabled", "env_vars", "semantic_models", "unit_tests", "saved_queries", "fixtures"),
)


def _packed(manifest: Any) -> bytes:
    """What dbt writes to `partial_parse.msgpack`, for Python, which reads it in a tenth of the time."""
    return pickle.dumps({name: getattr(manifest, name) for name in FIELDS}, protocol=pickle.HIGHEST_PROTOCOL)


def _unpacked(text: bytes) -> Any:
    manifest = Manifest(**pickle.loads(text))  # noqa: S301 -- written by our own fork into our own folder
    for file in manifest.files.values():  # dbt leaves these out of its own
        file.contents = None
        if isinstance(file, SchemaSourceFile):
            file.pp_dict = file.pp_test_index = None
    return manifest


# --- in a fork --------------------------------------------------------------------------------------------------------------------


def begin(tell: int, folder: str) -> None:
    """Before dbt runs in a fork: locks that processes share are made anew, for another fork may have died with them."""
    global _tell, _folder
    _tell, _folder = tell, folder
    for kept in _kept.values():
        kept.manifest._lock = get_mp_context().Lock()


def forget() -> None:
    """What the host has parsed itself."""
    global _loaded
    _loaded = None
    parts.forget()


def install() -> None:
    """Have dbt ask here first, once, before any fork."""
    loader: Any = parsing.ManifestLoader
    loader.read_manifest_for_partial_parse = _around_read(loader.read_manifest_for_partial_parse)
    loader.write_manifest_for_partial_parse = _around_write(loader.write_manifest_for_partial_parse)
    loader.load = _around_load(loader.load)
    loader.safe_update_project_parser_files_partially = _around_partially(loader.safe_update_project_parser_files_partially)
    loader.get_full_manifest = classmethod(_around_full(loader.get_full_manifest.__func__))
    parts.install()
    reading.load_source_file = _around_source(reading.load_source_file)


class _HasChanged(DbtBaseException):  # type: ignore[misc]  # dbt is not installed where this is checked
    """A command that wants no partial parsing finds other files than those that were parsed."""


def _around_partially(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Without partial parsing, what was parsed from nothing before may be used where nothing at all has changed."""

    def partially(loader: Any, files: Any) -> Any:
        if loader.kept is not None and not get_flags().PARTIAL_PARSE:
            if not parsing.PartialParsing(loader.saved_manifest, loader.manifest.files).skip_parsing():
                raise _HasChanged
            fire_event(Note(msg="The project was parsed from the same files, variables and settings before: not parsed again"))
        return plain(loader, files)

    return partially


def _around_full(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Which of two faults dbt tells, and in which words, depends on where it began: what fails is parsed again from nothing."""

    def full(kind: Any, config: Any, **named: Any) -> Any:
        global _used, _usable
        _used = False
        try:
            return plain(kind, config, **named)
        except DbtBaseException:
            if not _used:
                raise
        _usable = False
        return plain(kind, config, **named)

    return full


def _around_read(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(loader: Any) -> Any:
        global _used
        loader.kept = None
        kept = _fitting(loader)
        if kept is None or not loader.is_partial_parsable(kept.manifest)[0]:
            return plain(loader)
        manifest = kept.manifest
        manifest.metadata.generated_at = datetime.now(UTC).replace(tzinfo=None)
        manifest.metadata.invocation_id = get_invocation_id()
        _move(manifest, loader)
        loader.kept = kept
        _used = True
        return manifest

    return read


def _fitting(loader: Any) -> Any:
    """What is kept for exactly these variables, profile and project settings, unless the folder brings a parsed project of its own."""
    flags = get_flags()
    kept = _kept.get(_key(loader)) if _usable and not flags.PARTIAL_PARSE_FILE_PATH else None
    if not flags.PARTIAL_PARSE:
        return kept if kept is not None and kept.whole and not kept.bound else None
    fitting = kept is not None and _stamp(_file(loader)) in ((kept.stamp,) if kept.bound else (None, kept.stamp))
    return kept if fitting else None


def _move(manifest: Any, loader: Any) -> None:
    """Seeds say where their project lies; it was parsed in another folder."""
    disabled = [node for nodes in manifest.disabled.values() for node in nodes]
    for node in (*manifest.nodes.values(), *disabled):
        if isinstance(node, SeedNode) and node.package_name in loader.all_projects:
            node.root_path = loader.all_projects[node.package_name].project_root


def _around_write(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write(loader: Any) -> None:
        plain(loader)
        if not loader.warned:
            _hand_over(loader, bound=False)

    return write


def _hand_over(loader: Any, *, bound: bool) -> None:
    if _tell < 0 or get_flags().PARTIAL_PARSE_FILE_PATH:
        return
    copy = os.path.join(_folder, f"{os.getpid()}.manifest")
    found = {"key": _key(loader), "file": copy, "stamp": _stamp(_file(loader)), "bound": bound, "whole": loader.saved_manifest is None}
    try:
        with open(copy, "wb") as file:
            file.write(_packed(loader.manifest))
        os.write(_tell, json.dumps(found).encode() + b"\n")
        loader.told = found
    except (OSError, pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return  # a full disk, or a host that is gone: it is parsed again


def _around_load(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def load(loader: Any) -> Any:
        global _loaded
        loader.warned, loader.told = False, None
        with _hearing(loader):
            manifest = plain(loader)
        if loader.skip_parsing and loader.kept is None:
            _hand_over(loader, bound=True)
        make_directory(loader.root_project.project_target_path)  # dbt would have written what it parsed there
        _loaded = loader
        parts.begin(manifest, _known(loader))
        return manifest

    return load


def _known(loader: Any) -> parts.Texts | None:
    """The parts of the manifest that was kept, where it is used as it was."""
    used = loader.kept is not None and loader.skip_parsing and not loader.manifest.external_node_unique_ids
    return loader.kept.texts if used else None


def tell() -> None:
    """At the end of a fork: leave the parts of what it has parsed for the host."""
    loader = _loaded
    if loader is None or (loader.told is None and (loader.kept is None or not loader.skip_parsing or loader.kept.texts is not None)):
        return
    told = loader.told or {"key": _key(loader), "stamp": loader.kept.stamp}
    try:
        path = parts.leave(parts.found(loader.manifest), _folder)
        os.write(_tell, json.dumps({"key": told["key"], "stamp": told["stamp"], "parts": path}).encode() + b"\n")
    except (OSError, ValueError):
        return  # as above


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
