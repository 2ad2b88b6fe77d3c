"""Which texts are paths of namespace files: everything else is refused before it meets the file system."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from ui.errors import Invalid

NAMESPACE = re.compile(r"[a-z0-9][a-z0-9._-]*", re.ASCII)
LONGEST_NAMESPACE = 150
LONGEST_NAME = 255  # bytes: the limit of every common file system
LONGEST_PATH = 1024
DEEPEST = 32
PORTS = (f"{port}{number}" for port in ("com", "lpt") for number in "0123456789¹²³")
DEVICES = frozenset({"con", "prn", "aux", "nul", "conin$", "conout$", *PORTS})
DIRECTION_MARKS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# What Git keeps its own things in, however a file system spells it: letters of any case, the short name that Windows gives it.
GIT = frozenset({".git", "git~1"})
TEMPORARY = ".kestra-web-upload-"
FLOWS = "_flows"  # no folder: it stands for the flows of the namespace


class UnsafePath(Invalid):
    """This path cannot be used for a file."""


class BadNamespace(Invalid):
    """A namespace has lower case letters, digits, dots, - and _, and begins with a letter or digit."""


def check_namespace(name: str) -> str:
    """The name itself; raises `BadNamespace`."""
    if not NAMESPACE.fullmatch(name):
        raise BadNamespace
    if len(name) > LONGEST_NAMESPACE:
        raise BadNamespace(f"A namespace has at most {LONGEST_NAMESPACE} characters.")
    return name


def namespace_folders(name: str) -> tuple[str, ...]:
    """The folders of a namespace on disk. Segments that could be taken for folders of ours (`_files`) or for nothing get a `~`,
    which no namespace has in its name."""
    return tuple(part if part and not part.startswith("_") else f"~{part}" for part in check_namespace(name).split("."))


@lru_cache(maxsize=8192)  # who writes many files asks for the same ones several times
def clean(path: str) -> tuple[str, ...]:
    """The names along a path that starts at the namespace's own folder, with or without a slash; `()` is that folder.

    Raises `UnsafePath`, which says what to change.
    """
    if "\x00" in path or any(unicodedata.category(character) in ("Cc", "Cs") for character in path):
        raise UnsafePath("A path has no control characters.")
    if any(character in DIRECTION_MARKS for character in path):
        raise UnsafePath("A path has no marks that change the direction of writing.")
    if "\\" in path:
        raise UnsafePath("Write folders with / between them, not with a backslash.")
    if len(path.encode()) > LONGEST_PATH:
        raise UnsafePath(f"A path has at most {LONGEST_PATH} bytes.")
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if len(parts) > DEEPEST:
        raise UnsafePath(f"A path has at most {DEEPEST} folders.")
    for part in parts:
        _check_name(part)
    return parts


def asked(path: str) -> str:
    """As `clean`, joined again, for a path that a person or a program asks for: `_flows` stands for the flows there.

    A task that syncs a repository may keep a folder of that name all the same.
    """
    parts = clean(path)
    if parts[:1] == (FLOWS,):
        raise UnsafePath("The folder _flows stands for the flows of the namespace; edit them as flows.")
    return "/".join(parts)


def clean_file(path: str) -> tuple[str, ...]:
    """As `clean`, for a path that must name something inside the folder."""
    parts = clean(path)
    if not parts:
        raise UnsafePath("Name a file.")
    return parts


def _check_name(name: str) -> None:
    if name == ".." or name.strip(". ") == "":
        raise UnsafePath("File should be accessed with their full path and not using relative '..' path.")
    if len(name.encode()) > LONGEST_NAME:
        raise UnsafePath(f"The name {name[:40]}… is longer than {LONGEST_NAME} bytes.")
    if ":" in name:
        raise UnsafePath(f"{name} has a colon: Windows takes it for a drive or a stream.")
    if name[-1] in ". " or name[0] == " ":
        raise UnsafePath(f"{name!r} begins or ends with a space, or ends with a dot: Windows cannot keep such a file.")
    if name.partition(".")[0].rstrip().lower() in DEVICES:
        raise UnsafePath(f"{name} is the name of a device on Windows; choose another.")
    if is_git(name):
        raise UnsafePath(f"{name} is where Git keeps its own things; choose another name.")
    if name.startswith(TEMPORARY):
        raise UnsafePath(f"Names that begin with {TEMPORARY} are used while files are written.")


def is_git(name: str) -> bool:
    """Whether some file system takes this name for `.git`: signs that are not drawn are left out by some."""
    drawn = "".join(sign for sign in unicodedata.normalize("NFKC", name) if unicodedata.category(sign) != "Cf")
    return drawn.casefold().rstrip(". ") in GIT
