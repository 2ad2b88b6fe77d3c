"""Parsed projects that the host keeps in memory, so that a command parses only what has changed since.

The decision what may be kept and what has changed stays dbt's own: it is given a manifest where it would read `partial_parse.msgpack`.
What is kept lies in files that outlive the host, too: a project that another host has parsed before is parsed no more than its changes.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import pickle
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from dbt.contracts.files import FileHash, ParseFileType, SchemaSourceFile, SourceFile
from dbt.contracts.graph.manifest import Manifest
from dbt.flags import get_flags
from dbt.mp_context import get_mp_context
from dbt.parser import manifest as parsing
from dbt.parser import read_files as reading
from dbt_common.clients.system import load_file_contents, make_directory
from dbt_common.events.functions import fire_event
from dbt_common.events.types import Note
from dbt_common.exceptions import DbtBaseException
from dbt_common.invocation import get_invocation_id

from . import cache, changes, facts, files, looked, parts, said
from .client import EVERYTHING, HIDDEN

MOST = 4
KIND = "manifests"
MOST_CACHED, MOST_BYTES = 12, 512 * 1024**2


@dataclass
class Kept:
    """A parsed project, with device, inode, size and time of the file that holds the same, and what its artifacts consist of."""

    manifest: Any
    stamp: Any
    bound: bool  # nobody knows what its parsing warned of: it stands for this very file only
    whole: bool  # parsed from nothing
    known: parts.Known | None = None
    facts: facts.Facts | None = None
    said: list[said.Said] = field(default_factory=list)  # what its parsing told
    entry: str = ""  # the folder in the cache from which this very command took it
    looked: looked.Looked = field(default_factory=dict)  # what its templates learned of the command that parsed it


class Tried(NamedTuple):
    """From where a command may take a parsed project; what failed with one is tried again without it."""

    memory: bool = True
    cache: bool = True


_kept: OrderedDict[str, Kept] = OrderedDict()  # by state check
_tell = -1
_folder = ""
_used = False  # whether this fork began with what is kept
_tried = Tried()
_loaded: Any = None  # the loader of the project that this fork runs
_reading: Any = None  # the loader that may use what is kept
_replaced = False  # whether something was kept that is no more


# --- in the host ------------------------------------------------------------------------------------------------------------------


def keep(told: dict[str, Any]) -> None:
    """Load what a fork has parsed."""
    try:
        manifest, heard, learned = _loaded_from(told["file"])
        if not told["entry"]:
            os.unlink(told["file"])
    except Exception as error:  # noqa: BLE001 -- then it is parsed again: nothing is lost but time
        print(f"a manifest is not kept: {error!r}", flush=True)
        return
    global _replaced
    _replaced = _kept.pop(told["key"], None) is not None or _replaced
    known = _parts_of(told["entry"], manifest) if told["entry"] else None
    _kept[told["key"]] = Kept(manifest, _tuple(told["stamp"]), told["bound"], told["whole"], known, said=heard, looked=learned)
    while len(_kept) > MOST:
        _kept.popitem(last=False)
        _replaced = True
    gc.collect()
    gc.freeze()


def complete(told: dict[str, Any]) -> None:
    """Load the parts of its artifacts, and find out what follows from it."""
    kept = _kept.get(told["key"])
    if kept is None or kept.stamp != _tuple(told["stamp"]):
        return
    kept.known = _parts_at(told["parts"], kept.manifest, stays=told["entry"]) or kept.known
    if kept.facts is None:
        kept.facts = facts.learn(kept.manifest, unique=told["unique"])
    if kept.known is not None:
        parts.frame(kept.known, kept.facts.graph)
    gc.collect()
    gc.freeze()


def tidy() -> None:
    """While nobody waits: give back what was kept before and is no more; what is frozen is not looked at until then."""
    global _replaced
    if _replaced:
        _replaced = False
        gc.unfreeze()
        gc.collect()
        gc.freeze()


def _tuple(stamp: Any) -> Any:
    return stamp and tuple(stamp)


def _parts_of(entry: str, manifest: Any) -> parts.Known | None:
    return _parts_at(os.path.join(entry, "parts"), manifest, stays=True)


def _parts_at(path: str, manifest: Any, *, stays: bool) -> parts.Known | None:
    try:
        return parts.load(path, manifest, stays=stays)
    except (OSError, ValueError, EOFError, TypeError):
        return None


# --- between them -----------------------------------------------------------------------------------------------------------------

FIELDS = (
    *("nodes", "sources", "macros", "docs", "exposures", "functions", "metrics", "groups", "selectors", "files", "metadata"),
    *("state_check", "disabled", "env_vars", "semantic_models", "unit_tests", "saved_queries", "fixtures"),
)


def _packed(manifest: Any, heard: list[said.Said], learned: looked.Looked) -> bytes:
    """What dbt writes to `partial_parse.msgpack`, for Python, which reads it in a tenth of the time; what was said, and what learned."""
    fields = {name: getattr(manifest, name) for name in FIELDS}
    return pickle.dumps((fields, heard, learned), protocol=pickle.HIGHEST_PROTOCOL)


def _loaded_from(path: str) -> tuple[Any, list[said.Said], looked.Looked]:
    with open(path, "rb") as opened:
        fields, heard, learned = pickle.load(opened)  # noqa: S301 -- written by a fork of a host into the folder of hosts
    manifest = Manifest(**fields)
    for file in manifest.files.values():  # dbt leaves these out of its own
        file.contents = None
        if isinstance(file, SchemaSourceFile):
            file.pp_dict = file.pp_test_index = None
    return manifest, heard, learned


# --- in a fork --------------------------------------------------------------------------------------------------------------------


def begin(tell: int, folder: str) -> None:
    """Before dbt runs in a fork: locks that processes share are made anew, for another fork may have died with them."""
    global _tell, _folder
    _tell, _folder = tell, folder
    for kept in _kept.values():
        kept.manifest._lock = get_mp_context().Lock()


def forget() -> None:
    """What the host has parsed itself."""
    global _loaded, _reading
    _loaded = _reading = None
    facts.begin(None, None)
    parts.forget()


def install() -> None:
    """Have dbt ask here first, once, before any fork."""
    loader: Any = parsing.ManifestLoader
    loader.read_manifest_for_partial_parse = _around_read(loader.read_manifest_for_partial_parse)
    loader.write_manifest_for_partial_parse = _around_write(loader.write_manifest_for_partial_parse)
    loader.load = _around_load(loader.load)
    loader.safe_update_project_parser_files_partially = _around_partially(loader.safe_update_project_parser_files_partially)
    loader.skip_partial_parsing_because_of_macros = _around_macros(loader.skip_partial_parsing_because_of_macros)
    loader.get_full_manifest = classmethod(_around_full(loader.get_full_manifest.__func__))
    changes.install()
    facts.install()
    parts.install()
    said.install()
    looked.install()
    files.install(lambda: _reading)
    reading.load_source_file = _around_source(reading.load_source_file)


def _around_partially(plain: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Files are read, and what they say is known; what has changed is parsed next.

    Without partial parsing, what was parsed from nothing before may be used where nothing at all has changed.
    """

    def partially(loader: Any, given: Any) -> Any:
        hearing, there = loader.hearing, loader.manifest.files
        if loader.kept is not None and not get_flags().PARTIAL_PARSE:
            if not parsing.PartialParsing(loader.saved_manifest, there).skip_parsing():
                raise said.HasChanged
            fire_event(Note(msg="The project was parsed from the same files, variables and settings before: not parsed again"))
        hearing.files = {name: number for number, name in enumerate(there)}
        hearing.order = said.order(given)
        found = plain(loader, given)
        hearing.reading = False
        if loader.kept is not None:
            _settle(loader, found, there)
            if loader.skip_parsing:
                facts.begin(loader.saved_manifest, loader.kept.facts)
        return found

    return partially


def _settle(loader: Any, found: dict[str, dict[str, list[str]]], there: dict[str, Any]) -> None:
    """What was said of files that stay as they are is taken over."""
    if loader.skip_parsing:
        loader.hearing.settle((), there, ())
        loader.hearing.tell()
        return
    if not loader.partially_parsing:
        raise said.HasChanged
    diff = loader.partial_parser.file_diff
    again = {file for by_parser in found.values() for files in by_parser.values() for file in files}
    loader.hearing.settle(again.union(diff["changed"], diff["changed_schema_files"], diff["added"]), there, said.schemas(there))


def _around_macros(plain: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def skip(loader: Any) -> bool:
        found = plain(loader)
        if found and loader.kept is not None:
            raise said.HasChanged  # all is parsed anew, and what was said meanwhile is said again
        return found

    return skip


def _around_full(plain: Callable[..., Any]) -> Callable[..., Any]:
    """Which of two faults dbt tells, and in which words, depends on where it began: what fails is parsed again from nothing."""

    def full(kind: Any, config: Any, **named: Any) -> Any:
        global _used, _tried
        while True:
            _used = False
            try:
                return plain(kind, config, **named)
            except DbtBaseException as error:
                if not _used:
                    raise
                fresh = isinstance(error, said.HasChanged) and _tried.memory and not get_flags().PARTIAL_PARSE
                _tried = Tried(memory=False, cache=fresh)

    return full


def _around_read(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(loader: Any) -> Any:
        global _used, _reading
        loader.kept = _reading = None
        kept = _fitting(loader) or _cached(loader)
        if kept is None or not loader.is_partial_parsable(kept.manifest)[0]:
            return plain(loader)
        manifest = kept.manifest
        if _parses_anew(loader):
            manifest.metadata, manifest.selectors = loader.manifest.metadata, loader.root_project.manifest_selectors
        else:
            manifest.metadata.generated_at = datetime.now(UTC).replace(tzinfo=None)
            manifest.metadata.invocation_id = get_invocation_id()
        changes.begin(dict(kept.known.things) if kept.known is not None else {})
        loader.kept, loader.moved = kept, _move(kept, loader)
        _used = True
        _reading = loader
        return manifest

    return read


def _parses_anew(loader: Any) -> bool:
    """Whether dbt itself would parse all: the folder does not hold the parsed project, or is not to be asked for it."""
    return not get_flags().PARTIAL_PARSE or _stamp(_file(loader)) is None


def _fitting(loader: Any) -> Kept | None:
    """What is kept for exactly these variables, profile and project settings, unless the folder brings a parsed project of its own."""
    flags = get_flags()
    kept = _kept.get(_key(loader)) if _tried.memory and not flags.PARTIAL_PARSE_FILE_PATH else None
    if kept is not None and not looked.same(kept.looked, loader):
        return None
    if not flags.PARTIAL_PARSE:
        return kept if kept is not None and kept.whole and not kept.bound else None
    fitting = kept is not None and _stamp(_file(loader)) in ((kept.stamp,) if kept.bound else (None, kept.stamp))
    return kept if fitting else None


def _cached(loader: Any) -> Kept | None:
    """The same from what hosts have parsed before, the one that shares most files."""
    flags = get_flags()
    if not cache.folder or not _tried.cache or flags.PARTIAL_PARSE_FILE_PATH or (flags.PARTIAL_PARSE and _stamp(_file(loader))):
        return None
    entry = _nearest(cache.key(_key(loader)), loader.all_projects, whole=not flags.PARTIAL_PARSE)
    if not entry:
        return None
    try:
        manifest, heard, learned = _loaded_from(os.path.join(entry, "manifest"))
    except Exception:  # noqa: BLE001 -- whatever it is, the project is parsed
        return None
    if not looked.same(learned, loader):
        return None
    cache.used(entry)
    known = _parts_of(entry, manifest)
    return Kept(manifest, None, bound=False, whole=entry.endswith(WHOLE), known=known, said=heard, entry=entry, looked=learned)


def _move(kept: Kept, loader: Any) -> list[Any]:
    """Seeds say where their project lies; it was parsed in another folder. Answers those that have moved."""
    seeds = kept.facts.seeds if kept.facts is not None else facts.seeds_of(kept.manifest)
    moved = []
    for node in seeds:
        project = loader.all_projects.get(node.package_name)
        if project is not None and node.root_path != project.project_root:
            node.root_path = project.project_root
            moved.append(node)
    return moved


def _around_write(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def write(loader: Any) -> None:
        loader.hearing.tell()
        plain(loader)
        known = loader.hearing.complete and (loader.kept is not None or loader.saved_manifest is None)
        _hand_over(loader, bound=not known)

    return write


def _hand_over(loader: Any, *, bound: bool) -> None:
    if _tell < 0 or get_flags().PARTIAL_PARSE_FILE_PATH:
        return
    whole = loader.saved_manifest is None
    try:
        text = _packed(loader.manifest, loader.hearing.said, loader.learned)
        if cache.folder and not bound and not _tells(text):
            entry = _cache(loader, text, whole)
            path = os.path.join(entry, "manifest")
        else:
            entry, path = "", os.path.join(_folder, f"{os.getpid()}.manifest")
            with open(path, "wb") as file:
                file.write(text)
    except (OSError, pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return  # a full disk: it is parsed again
    _tell_of(loader, path, entry, _stamp(_file(loader)), bound=bound, whole=whole)


def _tell_of(loader: Any, path: str, entry: str, stamp: Any, *, bound: bool, whole: bool) -> None:
    found = {"key": _key(loader), "file": path, "entry": entry, "stamp": stamp, "bound": bound, "whole": whole}
    try:
        os.write(_tell, json.dumps(found).encode() + b"\n")
        loader.told = found
    except OSError:
        return  # the host is gone


def _around_load(plain: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def load(loader: Any) -> Any:
        global _loaded
        kept = loader.kept
        # Where the folder holds the parsed project, dbt says nothing of it again.
        again = kept is not None and _parses_anew(loader)
        loader.told, loader.hearing = None, said.begin(kept.said if kept is not None else None, again=again)
        loader.learned = looked.begin(kept.looked if kept is not None else {})
        try:
            manifest = plain(loader)
        finally:
            said.end()
            looked.end()
        if loader.skip_parsing and kept is None:
            _hand_over(loader, bound=True)
        elif loader.skip_parsing and kept.entry:
            _tell_of(loader, os.path.join(kept.entry, "manifest"), kept.entry, None, bound=False, whole=kept.whole)
        make_directory(loader.root_project.project_target_path)  # dbt would have written what it parsed there
        _loaded = loader
        pieces = parts.carried(kept.known) if kept is not None and kept.known is not None and not loader.skip_parsing else {}
        parts.begin(manifest, _known(loader))
        parts.carry(pieces)
        for node in loader.moved if loader.kept is not None else ():
            changes.touch(node)  # nothing is known of where it is now
        return manifest

    return load


def _known(loader: Any) -> parts.Known | None:
    """The parts of the manifest that was kept, where it is used as it was."""
    used = loader.kept is not None and loader.skip_parsing and not loader.manifest.external_node_unique_ids
    return loader.kept.known if used else None


def tell() -> None:
    """At the end of a fork: leave the parts of what it has parsed for the host."""
    loader = _loaded
    if loader is None or (loader.told is None and (loader.kept is None or not loader.skip_parsing)):
        return
    if loader.told is None and loader.kept.known is not None and not parts.lacking():
        return
    told = loader.told or {"key": _key(loader), "stamp": loader.kept.stamp, "entry": ""}
    try:
        path = os.path.join(told["entry"] or _folder, "parts" if told["entry"] else f"{os.getpid()}.parts")
        if _known(loader) is None or parts.lacking():
            parts.leave(loader.manifest, path)
        found = {"key": told["key"], "stamp": told["stamp"], "parts": path, "entry": bool(told["entry"]), "unique": facts.checked()}
        os.write(_tell, json.dumps(found).encode() + b"\n")
    except (OSError, ValueError):
        return  # as above


def _around_source(plain: Callable[..., Any]) -> Callable[..., Any]:
    """dbt takes a YAML file of the same time for the same file. Here folders change and times mean nothing: the content decides."""

    def load(path: Any, parse_file_type: Any, project_name: str, saved_files: Any) -> Any:
        about = SourceFile(path=path, checksum=FileHash.empty(), project_name=project_name).file_id
        said.about(about)
        try:
            return changed(path, parse_file_type, project_name, saved_files)
        finally:
            said.about("")

    def changed(path: Any, parse_file_type: Any, project_name: str, saved_files: Any) -> Any:
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
    project = loader.root_project
    return json.dumps([project.project_name, project.profile_name, project.target_name, parts, projects, looked.settings()])


# --- what outlives the host -------------------------------------------------------------------------------------------------------

WHOLE, PARTLY = "-whole", "-partly"  # how a folder's name ends


def _tells(text: bytes) -> bool:
    """Whether a secret of this command stands in it, as far as the task says which are: that is kept in memory alone."""
    hidden = [name for name in os.environ.get(HIDDEN, "").split(",") if name]
    return EVERYTHING in hidden or any(os.environ.get(name, "").encode(errors="replace") in text for name in hidden)


def _cache(loader: Any, text: bytes, whole: bool) -> str:
    """Keep a parsed project in a folder of its own, with the files that it was parsed from; answers that folder."""
    files = {
        name: [file.project_name, os.path.join(file.path.searched_path, file.path.relative_path), file.checksum.checksum]
        for name, file in loader.manifest.files.items()
        if hasattr(file.path, "searched_path")
    }
    from_what = json.dumps([sorted(files.items()), sorted(loader.manifest.env_vars.items())])
    content = hashlib.sha256(from_what.encode()).hexdigest()[:16]
    entry = os.path.join(cache.place(KIND), f"{cache.key(_key(loader))}-{content}{WHOLE if whole else PARTLY}")
    fresh = os.path.join(cache.place(KIND), f".{os.getpid()}")
    try:
        os.mkdir(fresh, 0o700)
        with open(os.path.join(fresh, "manifest"), "wb") as binary:
            binary.write(text)
        with open(os.path.join(fresh, "files"), "w", encoding="utf-8") as names:
            json.dump(files, names)
        cache.put(fresh, entry)
    except OSError:
        cache.remove(fresh)
        raise
    cache.keep_to(KIND, MOST_CACHED, MOST_BYTES)
    return entry


def _nearest(key: str, projects: Any, *, whole: bool) -> str:
    """The folder of the parsed project that shares most files with what is there now; of equal ones the newest. Empty where none is."""
    entries = [path for path in cache.newest(KIND) if os.path.basename(path).startswith(key) and (path.endswith(WHOLE) or not whole)]
    if len(entries) < 2:
        return entries[0] if entries else ""
    known = [_files_of(path) for path in entries]
    names = {name for files in known for name in files}
    # Where all of them are the same, none is nearer.
    telling = {name: found for name in names if (found := [files.get(name) for files in known]).count(found[0]) < len(found)}
    score = [0] * len(entries)
    for found in telling.values():
        now = _checksum(next(one for one in found if one), projects)
        for number, one in enumerate(found):
            score[number] += (one[2] if one else None) == now
    return entries[score.index(max(score))]


def _files_of(entry: str) -> dict[str, list[str]]:
    try:
        with open(os.path.join(entry, "files"), encoding="utf-8") as file:
            found: dict[str, list[str]] = json.load(file)
            return found
    except (OSError, ValueError):
        return {}


def _checksum(file: list[str], projects: Any) -> str | None:
    """That of the file that is there now, as dbt reckons it; None where there is none."""
    try:
        path = os.path.join(projects[file[0]].project_root, file[1])
        return str(FileHash.from_contents(load_file_contents(path, strip=True)).checksum)
    except Exception:  # noqa: BLE001 -- no such project or file, or none that can be read: it is not the same
        return None
