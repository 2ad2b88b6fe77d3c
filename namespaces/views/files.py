"""The files tab of a namespace: a tree, a plain editor, and what can be done with a file."""

from __future__ import annotations

import mimetypes
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from namespaces import files as store
from namespaces import searching
from namespaces.files import Place
from namespaces.models import FileVersion, Role
from namespaces.paths import asked
from namespaces.rights import login_required
from namespaces.selectors import tree
from namespaces.selectors import versions as selectors
from namespaces.services import saving, versions
from namespaces.views.shell import shell
from ui.errors import Invalid
from ui.formats import plural
from ui.htmx import done, page, wants_fragment

PAGE, FRAGMENT = "namespaces/files.html", "namespaces/_file.html"
LARGEST_TEXT = 1_000_000  # bytes that the editor opens
SHORTEST_TEXT = 2  # characters that are looked for in files, too
MOST_HOLDING, MOST_LINES = 30, 3  # files, and lines of each, that are shown of those that hold something
BEFORE = 12  # characters before a match that a narrow column has room for
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
ICONS = {
    "file-code": (".sql", ".py", ".sh", ".js", ".ts", ".json", ".r", ".jinja", ".html", ".css"),
    "file-cog": (".yml", ".yaml", ".toml", ".ini", ".cfg"),
    "file-text": (".md", ".txt", ".rst", ".log"),
    "table-2": (".csv", ".tsv", ".parquet"),
    "file-archive": (".zip", ".gz", ".tar"),
    "file-image": PICTURES,
}


def icon_of(path: str) -> str:
    """The icon of a file by the end of its name."""
    suffix = PurePosixPath(path).suffix.lower()
    return next((icon for icon, suffixes in ICONS.items() if suffix in suffixes), "file")


def _by(request: HttpRequest) -> versions.Author:
    return versions.Author(request.user)


def url_of(namespace: str, path: str = "") -> str:
    """The address of a file in the files tab."""
    return reverse("namespaces:files", args=[namespace]) + (f"?{urlencode({'path': path})}" if path else "")


def _rows(namespace: str, path: str, opened: str) -> list[dict[str, Any]]:
    """The folder at `path` as rows of the tree; folders on the way to `opened` come with what is in them."""
    rows = []
    for entry in store.list_dir(namespace, path):
        is_open = entry.is_directory and (opened == entry.path or opened.startswith(f"{entry.path}/"))
        rows.append({
            "entry": entry,
            "icon": icon_of(entry.path),
            "current": entry.path == opened,
            "open": is_open,
            "rows": _rows(namespace, entry.path, opened) if is_open else [],
        })  # fmt: skip
    return rows


def _file(namespace: str, path: str) -> dict[str, Any]:
    """What the right side shows: nothing, a folder, a text, a picture, or that it is none of these."""
    if not path:
        return {"kind": "none"}
    entry = store.stats(namespace, path)
    if entry.is_directory:
        return {"kind": "folder", "entry": entry, "inside": store.list_dir(namespace, path)}
    if PurePosixPath(path).suffix.lower() in PICTURES and not path.endswith(".svg"):
        return {"kind": "picture", "entry": entry}
    if entry.size > LARGEST_TEXT:
        return {"kind": "large", "entry": entry}
    text, base = saving.opened(namespace, path)
    return {"kind": "binary", "entry": entry} if text is None else _as_text(entry, text, base)


def _as_text(entry: store.Stats, text: str, base: str) -> dict[str, Any]:
    """A text that the editor opens; `base` names what it begins as."""
    return {"kind": "text", "entry": entry, "text": text, "base": base, "language": PurePosixPath(entry.path).suffix.lower()[1:]}


def _context(request: HttpRequest, namespace: str, path: str, *, file: dict[str, Any] | None = None) -> dict[str, Any]:
    frame = shell(request, namespace, "files")
    path = asked(path)
    names = path.split("/") if path else []
    here = path if names and store.exists(namespace, path) and store.stats(namespace, path).is_directory else "/".join(names[:-1])
    trail = [{"name": name, "path": "/".join(names[: number + 1])} for number, name in enumerate(names)]
    return {**frame, "path": path, "trail": trail, "here": here, "file": file or _file(namespace, path)}


@never_cache
@require_safe
@login_required
def files(request: HttpRequest, namespace: str) -> HttpResponse:
    """The tree, and the file that `?path=` names."""
    context = _context(request, namespace, request.GET.get("path", ""))
    if not wants_fragment(request):
        context["rows"] = _rows(namespace, "", context["path"])
    return page(request, PAGE, FRAGMENT, context)


@require_safe
@login_required
def branch(request: HttpRequest, namespace: str) -> HttpResponse:
    """What lies in one folder of the tree, when it is opened."""
    tree.enter(request.user, namespace)
    rows = _rows(namespace, asked(request.GET.get("path", "")), "")
    return page(request, "namespaces/_branch.html", "namespaces/_branch.html", {"rows": rows, "namespace": namespace})


@require_safe
@login_required
def find(request: HttpRequest, namespace: str) -> HttpResponse:
    """Files by what is typed of their path, and by what they hold; the whole tree without words."""
    tree.enter(request.user, namespace)
    query = request.GET.get("q", "").strip()
    context: dict[str, Any] = {"namespace": namespace, "query": query}
    if query:
        named = searching.by_name(namespace, query)
        context["found"] = [{"path": one.path, "pieces": _pieces(one), "icon": icon_of(one.path)} for one in named]
        context |= _holding(namespace, query)
    else:
        context["rows"] = _rows(namespace, "", "")
    return page(request, "namespaces/_file_tree.html", "namespaces/_file_tree.html", context)


def _pieces(named: searching.Named) -> list[tuple[str, bool]]:
    """A path in pieces, with those that were typed marked."""
    marked = [(sign, place in set(named.at)) for place, sign in enumerate(named.path)]
    return [("".join(sign for sign, _ in signs), is_typed) for is_typed, signs in groupby(marked, key=itemgetter(1))]


def _holding(namespace: str, query: str) -> dict[str, Any]:
    """The first files with lines that have the query."""
    if not SHORTEST_TEXT <= len(query) <= searching.LONGEST_QUERY:
        return {}
    found = searching.in_contents(namespace, query)
    shown = [{"path": one.path, "icon": icon_of(one.path), "lines": _lines(one.lines)} for one in found.files[:MOST_HOLDING]]
    return {"holding": shown, "more": found.more or len(found.files) > MOST_HOLDING}


def _lines(lines: Sequence[searching.Line]) -> list[dict[str, Any]]:
    """The first lines of a file, each in a little of what is before the match, the match, and what is after."""
    found = []
    for line in lines[:MOST_LINES]:
        before = line.text[: line.start].lstrip()
        before = before if len(before) <= BEFORE else f"…{before[-BEFORE:]}"
        after = line.text[line.end :]
        found.append({"number": line.number, "before": before, "match": line.text[line.start : line.end], "after": after})
    return found


@require_POST
@login_required
def save(request: HttpRequest, namespace: str) -> HttpResponse:
    """Write what the editor holds together with what someone else wrote meanwhile; where that contradicts it, show both."""
    shell(request, namespace, "files", Role.MEMBER)
    path = asked(request.POST.get("path", ""))
    text = request.POST.get("content", "").replace("\r\n", "\n")  # forms send every line end as CRLF
    outcome = saving.save(namespace, path, text, request.POST.get("base", ""), _by(request))
    if isinstance(outcome, saving.Conflict):
        now = timezone.now()
        entry = store.stats(namespace, path) if store.exists(namespace, path) else store.Stats(path, False, 0, now, now)
        context = {**_context(request, namespace, path, file=_as_text(entry, outcome.text, outcome.blob)), "conflict": outcome}
        return page(request, PAGE, FRAGMENT, {**context, "rows": _rows(namespace, "", path)}, status=422)
    message = f"{PurePosixPath(path).name} saved" + (" together with what was saved meanwhile" if outcome.merged else "")
    return done(request, url_of(namespace, path), message=message, fragment=FRAGMENT, context=_context(request, namespace, path))


@require_POST
@login_required
def create(request: HttpRequest, namespace: str) -> HttpResponse:
    """Make an empty file or a folder."""
    shell(request, namespace, "files", Role.MEMBER)
    path = asked(request.POST.get("path", "").strip())
    if request.POST.get("kind") == "folder":
        entry = store.make_dir(namespace, path)
        return done(request, url_of(namespace, entry.path), message=f"Folder {entry.name} is made")
    entry = versions.write(namespace, path, b"", author=_by(request), overwrite=False)
    return done(request, url_of(namespace, entry.path), message=f"{entry.name} is made")


@require_POST
@login_required
def upload(request: HttpRequest, namespace: str) -> HttpResponse:
    """Write the files of a form into a folder, whole folders too; zip archives are unpacked there where the form says so."""
    shell(request, namespace, "files", Role.MEMBER)
    folder = asked(request.POST.get("folder", ""))
    written = uploaded(request, Place(namespace), folder, asked, replace="replace" in request.POST)
    return done(request, url_of(namespace, written[0] if len(written) == 1 else folder), message=f"{plural(len(written), 'file')} uploaded")


def uploaded(request: HttpRequest, place: Place, folder: str, clean: Callable[[str], str], *, replace: bool) -> list[str]:
    """Write the `files` of a form into a folder of some copy, and answer their paths, which `clean` looks at.

    `paths` has the path of each below that folder, where a whole one was chosen. With `unpack` what a zip archive holds is meant.
    """
    uploads, names = request.FILES.getlist("files"), request.POST.getlist("paths")
    if not uploads:
        raise Invalid("Choose at least one file.")
    if names and len(names) != len(uploads):
        raise Invalid(f"There are {len(uploads)} files and {len(names)} paths for them: send one path for each file.")
    archives, plain = [], {}
    for item, path in zip(uploads, names or [""] * len(uploads), strict=True):
        name = path or item.name or ""
        if "unpack" in request.POST and name.lower().endswith(".zip"):
            archives.append(item)
        else:
            plain[clean(f"{folder}/{name}" if folder else name)] = item
    taken = next((path for path in plain if not replace and store.exists(place, path)), None)
    if taken:
        raise store.NameTaken(f"{taken} is already there.")
    written = versions.write_all(place, plain.items(), author=_by(request), reason=FileVersion.Reason.UPLOADED)
    for archive in archives:
        written += versions.import_zip(place, archive, author=_by(request), below=folder)
    return written


@require_POST
@login_required
def rename(request: HttpRequest, namespace: str) -> HttpResponse:
    """Rename or move a file or folder."""
    shell(request, namespace, "files", Role.MEMBER)
    entry = versions.move(
        namespace, asked(request.POST.get("path", "")), asked(request.POST.get("to", "").strip()), author=_by(request)
    )  # fmt: skip
    return done(request, url_of(namespace, entry.path), message=f"Now {entry.path}")


@require_POST
@login_required
def delete(request: HttpRequest, namespace: str) -> HttpResponse:
    """Take a file or folder to the trash; Undo brings it back."""
    shell(request, namespace, "files", Role.MEMBER)
    path = asked(request.POST.get("path", ""))
    deletion = versions.delete(namespace, path, author=_by(request))
    if deletion is None:
        raise store.NoSuchFile(f"There is no file {path}.")
    undo = f"{reverse('namespaces:restore_file', args=[namespace])}?{urlencode({'deletion': deletion.pk})}"
    return done(request, url_of(namespace, path.rpartition("/")[0]), message=f"{PurePosixPath(path).name} is deleted", undo=undo)


@require_POST
@login_required
def restore(request: HttpRequest, namespace: str) -> HttpResponse:
    """Bring back what was deleted."""
    shell(request, namespace, "files", Role.MEMBER)
    entry = versions.undelete(selectors.deletion(namespace, request.GET.get("deletion", "")), author=_by(request))
    return done(request, url_of(namespace, entry.path), message=f"{entry.name} is back")


@require_safe
@login_required
def download(request: HttpRequest, namespace: str) -> HttpResponse:
    """One file as it is; always an attachment, so that no browser runs what someone wrote."""
    tree.enter(request.user, namespace)
    path = asked(request.GET.get("path", ""))
    return attachment(store.read(namespace, path), PurePosixPath(path).name)


def attachment(content: bytes, name: str) -> HttpResponse:
    """A content to be kept as a file; only of pictures does a browser hear what they are."""
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"Content-Disposition": content_disposition_header(True, name) or "attachment", "Content-Security-Policy": "sandbox"}
    return HttpResponse(content, content_type=kind if kind.startswith("image/") else "application/octet-stream", headers=headers)


@require_safe
@login_required
def export(request: HttpRequest, namespace: str) -> HttpResponse:
    """All files as a zip archive."""
    tree.enter(request.user, namespace)
    headers = {"Content-Disposition": f'attachment; filename="{namespace}-files.zip"'}
    return HttpResponse(store.export_zip(namespace), content_type="application/zip", headers=headers)
