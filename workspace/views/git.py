"""The Git panel of a workspace, and what it opens: a page of its own, or parts of another page.

`panel/` is the panel alone (`#git-panel`); its links fill `#git-view` of the page around it. What changed files or commits is told by the
event `gitChanged` of the body; the panel reads itself again on `filesChanged`, which a page sends when it has saved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from flows.models import Flow
from namespaces import rights
from namespaces.merging import joined
from namespaces.models import Repository, Role
from namespaces.rights import login_required
from namespaces.selectors import tree
from namespaces.services import saving
from namespaces.views.shell import shell
from ui.errors import Invalid
from ui.formats import plural
from ui.htmx import done, page
from workspace import asking, changes, history, merging, removing, repositories, sharing, worktrees
from workspace.history import Entry
from workspace.views.panes import panes
from workspace.worktrees import Worktree

PAGE, PANEL, VIEW = "workspace/git/page.html", "workspace/git/_panel.html", "workspace/git/_view.html"
MOST_SHOWN = 500  # changed files in the panel
MOST_OPEN = 8  # files of a commit whose difference is shown at once
LANE, ROW = 12, 28  # width of a column and height of a row of the graph


class Said(NamedTuple):
    """What somebody did, the address that undoes it, and the branch that was pushed and is not the one that is open."""

    text: str
    undo: str = ""
    pushed: str = ""


def _enter(request: HttpRequest, namespace: str) -> Worktree:
    """The copy that `?branch=` names, of whoever asks: made when they look at a branch for the first time."""
    tree.enter(request.user, namespace, Role.MEMBER)
    return worktrees.find(user=asking.person(request), namespace=namespace, branch=request.GET.get("branch", ""))


def _home(request: HttpRequest, namespace: str) -> str:
    """The page that a branch is opened in: the workspace where the panel stands in it, else that of Git alone."""
    here = urlsplit(request.headers.get("HX-Current-URL", "")).path
    workspace = reverse("workspace:page", args=[namespace])
    return workspace if here == workspace else reverse("workspace:git", args=[namespace])


def _at(worktree: Worktree, **more: str) -> str:
    return "?" + urlencode({"branch": worktree.branch, **more})


def _panel(request: HttpRequest, worktree: Worktree, pushed: str = "") -> dict[str, Any]:
    """What the panel shows."""
    row = worktree.repository
    status, counts = changes.status(worktree), changes.counts(worktree)
    operation = merging.current(worktree)
    found = merging.outcome(worktree) if operation else None
    pushed = pushed if pushed in repositories.branches(row.namespace) else ""
    request_of = pushed or (worktree.branch if status.shared and worktree.branch != row.default_branch else "")
    return {
        "namespace": row.namespace,
        "repository": row,
        "worktree": worktree,
        "at": _at(worktree),
        "status": status,
        "changed": [_change(change, counts) for change in status.changes[:MOST_SHOWN]],
        "unlisted": max(0, len(status.changes) - MOST_SHOWN),
        "is_protected": repositories.is_protected(row, worktree.branch),
        "operation": operation,
        "outcome": found,
        "answered": merging.answered(worktree),
        "last": history.log(worktree, count=3, own=True),
        "may_amend": changes.may_amend(worktree),
        "template": changes.template(worktree),
        "pushed": pushed,
        "home": _home(request, row.namespace),
        "request_url": sharing.request_url(row.url, request_of, row.default_branch) if request_of else "",
        "flows": Flow.objects.filter(namespace=row.namespace, deleted=False, disabled=False).values_list("flow_id", flat=True)[:200],
        "may_own": rights.allows(rights.role_of(request.user, row.namespace), Role.OWNER),
    }


def _change(change: changes.Change, counts: dict[str, tuple[int, int]]) -> dict[str, Any]:
    folder, _, name = change.path.rpartition("/")
    checked = "mixed" if change.chosen and change.open else "true" if change.chosen else "false"
    return {"change": change, "name": name, "folder": folder, "checked": checked, "count": counts.get(change.path)}


def _answer(request: HttpRequest, worktree: Worktree, view: str, context: dict[str, Any]) -> HttpResponse:
    """A page with the panel and what it opened, or what it opened alone."""
    here = {"view": f"workspace/git/_{view}.html", "here": request.get_full_path(), "at": _at(worktree), "worktree": worktree, **context}
    here |= {"namespace": worktree.repository.namespace, "repository": worktree.repository}
    here["home"] = _home(request, worktree.repository.namespace)
    if request.headers.get("HX-Request") != "true":
        here = {**shell(request, worktree.repository.namespace, "git", Role.MEMBER), **_panel(request, worktree), **here}
    return page(request, PAGE, VIEW, here)


def _reading(make: Callable[..., tuple[str, dict[str, Any]]]) -> Callable[..., HttpResponse]:
    """A view that reads: `make` answers the name of the template of what is opened, and its context."""

    @never_cache
    @require_safe
    @login_required
    def view(request: HttpRequest, namespace: str, **named: str) -> HttpResponse:
        worktree = _enter(request, namespace)
        return _answer(request, worktree, *make(request, worktree, **named))

    view.__doc__ = make.__doc__
    return view


def _doing(act: Callable[..., Said]) -> Callable[..., HttpResponse]:
    """A view that does something: `act` answers what was done."""

    @require_POST
    @login_required
    def view(request: HttpRequest, namespace: str, **named: str) -> HttpResponse:
        worktree = _enter(request, namespace)
        said = act(request, worktree, **named)
        more = {"pushed": said.pushed} if said.pushed else {}
        context = _panel(request, worktree, said.pushed) if request.headers.get("HX-Request") == "true" else {}
        back = reverse("workspace:git", args=[namespace]) + _at(worktree, **more)
        response = done(request, back, message=said.text, fragment=PANEL, context=context, undo=said.undo)
        response["HX-Trigger"] = "gitChanged"
        return response

    view.__doc__ = act.__doc__
    return view


@never_cache
@require_safe
@login_required
def panel(request: HttpRequest, namespace: str) -> HttpResponse:
    """The panel alone."""
    worktree = _enter(request, namespace)
    context = {**shell(request, namespace, "git", Role.MEMBER), **_panel(request, worktree), **_log(worktree, "", 0)}
    return page(request, PAGE, PANEL, {**context, "view": "workspace/git/_log.html", "here": reverse("workspace:git", args=[namespace])})


@never_cache
@require_safe
@login_required
def others(request: HttpRequest, namespace: str) -> HttpResponse:
    """Who else works on this branch, and on which files: asked for when the panel is there, as it looks into every copy."""
    worktree = _enter(request, namespace)
    context = {"others": worktrees.others(worktree), "namespace": namespace}
    return page(request, "workspace/git/_others.html", "workspace/git/_others.html", context)


@never_cache
@require_safe
@login_required
def git(request: HttpRequest, namespace: str) -> HttpResponse:
    """The panel beside the log; how to bind the namespace where it has no repository."""
    tree.enter(request.user, namespace, Role.MEMBER)
    if not Repository.objects.filter(namespace=namespace).exists():
        return page(request, "workspace/git/unbound.html", "workspace/git/_unbound.html", shell(request, namespace, "git", Role.MEMBER))
    worktree = _enter(request, namespace)
    found = _log(worktree, "", 0)
    if request.headers.get("HX-Request") == "true":
        return _answer(request, worktree, "log", found)
    context = {**shell(request, namespace, "git", Role.MEMBER), **_panel(request, worktree, request.GET.get("pushed", ""))}
    return page(request, PAGE, VIEW, {**context, **found, "view": "workspace/git/_log.html", "here": request.get_full_path()})


def _log(worktree: Worktree, path: str, skip: int) -> dict[str, Any]:
    entries = history.log(worktree, path=path, skip=skip, count=history.PAGE + 1)
    shown = entries[: history.PAGE]
    lanes = max((max([entry.lane, *entry.passing, *entry.incoming, *entry.outgoing]) for entry in shown), default=0)
    rows = [{"entry": entry, "lines": _lines(entry), "dot": _x(entry.lane)} for entry in shown]
    more = skip + history.PAGE if len(entries) > history.PAGE else 0
    return {"log": rows, "path": path, "width": (min(lanes, 12) + 1) * LANE, "height": ROW, "middle": ROW / 2, "more": more, "skip": skip}


def _x(lane: int) -> float:
    return (min(lane, 12) + 0.5) * LANE


def _lines(entry: Entry) -> list[tuple[float, float, float, float]]:
    """The lines of one row of the graph."""
    dot = _x(entry.lane)
    passing = [(_x(lane), 0.0, _x(lane), float(ROW)) for lane in entry.passing]
    incoming = [(_x(lane), 0.0, dot, ROW / 2) for lane in entry.incoming]
    return passing + incoming + [(dot, ROW / 2, _x(lane), float(ROW)) for lane in entry.outgoing]


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 0


@_reading
def log(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """Commits with their graph, or those that changed `?path=`."""
    return "log", _log(worktree, request.GET.get("path", ""), _number(request.GET.get("skip", "")))


@_reading
def difference(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """How the file `?path=` differs from the last commit, piece by piece."""
    path = request.GET.get("path", "")
    return "difference", {"path": path, "difference": changes.difference(worktree, path)}


@_reading
def commit(request: HttpRequest, worktree: Worktree, commit: str) -> tuple[str, dict[str, Any]]:
    """One commit with what it changed; `?path=` opens that file."""
    found = history.changed(worktree, commit)
    path = request.GET.get("path", "")
    shown = [changed for changed in found if changed.path == path] if path else found
    files = [{"changed": one, "hunks": history.hunks(worktree, commit, one.path) if n < MOST_OPEN else None} for n, one in enumerate(shown)]
    entry = history.entry(worktree, commit)
    body = history.message(worktree, commit).removeprefix(entry.subject).strip()
    context = {"entry": entry, "message": body, "files": files[:MOST_SHOWN]}
    return "commit", {**context, "path": path, "total": len(found), "left_out": max(0, len(files) - MOST_SHOWN)}


@_reading
def blame(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """Who wrote each line of the file `?path=`."""
    path = request.GET.get("path", "")
    lines = history.blame(worktree, path)
    rows = [{"line": line, "first": n == 0 or lines[n - 1].commit != line.commit} for n, line in enumerate(lines[:5000])]
    return "blame", {"path": path, "rows": rows, "left_out": max(0, len(lines) - 5000)}


@_reading
def file_at(request: HttpRequest, worktree: Worktree, commit: str) -> tuple[str, dict[str, Any]]:
    """The file `?path=` as a commit has it."""
    path = request.GET.get("path", "")
    content = history.file_at(worktree, commit, path)
    lines = (saving.text_of(content) or "").splitlines()
    context = {"lines": lines[:5000], "left_out": max(0, len(lines) - 5000), "is_text": bool(lines) or not content, "size": len(content)}
    return "file", {"path": path, "entry": history.entry(worktree, commit), **context}


@_reading
def branches(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """The branches that there are, here and in the remote, and the tags."""
    mine = {copy.branch: copy for copy in worktrees.of_person(user=worktree.user, namespace=worktree.repository.namespace)}
    remote = repositories.branches(worktree.repository.namespace)
    names = sorted({*mine, *remote}, key=lambda name: (name != worktree.branch, name not in mine, name))
    protected = [name for name in names if repositories.is_protected(worktree.repository, name)]
    rows = [{"name": name, "mine": name in mine, "shared": name in remote, "protected": name in protected} for name in names[:MOST_SHOWN]]
    tags = history.tags_of(worktree.repository.namespace)[:MOST_SHOWN]
    gone = removing.removed(user=worktree.user, namespace=worktree.repository.namespace)
    return "branches", {"branches": rows, "tags": tags, "removed": gone, "left_out": max(0, len(names) - MOST_SHOWN)}


@_reading
def copy(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """What is only in the copy of the branch `?name=`, which somebody is about to remove."""
    found = _mine(worktree, request.GET.get("name", ""))
    return "copy", {"name": found.branch, "only": removing.only_there(found)}


def _mine(worktree: Worktree, branch: str) -> Worktree:
    return removing.mine(user=worktree.user, namespace=worktree.repository.namespace, branch=branch)


@_reading
def clash(request: HttpRequest, worktree: Worktree) -> tuple[str, dict[str, Any]]:
    """One file that clashes, with what each side has of it; the log when all are decided."""
    path, operation = request.GET.get("path", ""), merging.current(worktree)
    found = merging.outcome(worktree) if operation else None
    if operation is None or found is None or not found.clashes:
        return "log", _log(worktree, "", 0)
    clash = next((one for one in found.clashes if one.name == path), found.clashes[0])  # the next one when this is decided
    parts = merging.segments(worktree, found, clash)
    ours, theirs = merging.sides(operation, worktree)
    choices = [("ours", f"Take {ours}" if clash.ours else "Delete it"), ("theirs", f"Take {theirs}" if clash.theirs else "Delete it")]
    return "clash", {"clash": clash, "parts": panes(parts), "ours": ours, "theirs": theirs, "choices": choices}


@_doing
def stage(request: HttpRequest, worktree: Worktree) -> Said:
    """Take files, or all, into the next commit."""
    changes.choose(worktree, request.POST.getlist("path"))
    return Said("")


@_doing
def unstage(request: HttpRequest, worktree: Worktree) -> Said:
    """Take files, or all, out of the next commit."""
    changes.unchoose(worktree, request.POST.getlist("path"))
    return Said("")


@_doing
def stage_hunk(request: HttpRequest, worktree: Worktree) -> Said:
    """Take one piece of a file into the next commit, or out of it."""
    changes.choose_hunk(worktree, request.POST.get("path", ""), request.POST.get("hunk", ""), back="back" in request.POST)
    return Said("")


@_doing
def discard(request: HttpRequest, worktree: Worktree) -> Said:
    """Bring files back to the last commit."""
    paths = request.POST.getlist("path")
    kept = changes.discard(worktree, paths)
    what = paths[0].rpartition("/")[2] if len(paths) == 1 else plural(len(paths), "file")
    return Said(f"{what} discarded", _undo(worktree, kept))


@_doing
def discard_hunk(request: HttpRequest, worktree: Worktree) -> Said:
    """Take back one piece of a file."""
    path = request.POST.get("path", "")
    kept = changes.discard_hunk(worktree, path, request.POST.get("hunk", ""))
    return Said(f"A piece of {path.rpartition('/')[2]} discarded", _undo(worktree, kept))


def _undo(worktree: Worktree, kept: str) -> str:
    return reverse("workspace:git_bring_back", args=[worktree.repository.namespace, kept]) + _at(worktree)


@_doing
def bring_back(request: HttpRequest, worktree: Worktree, kept: str) -> Said:
    """Bring back what was discarded."""
    left = changes.bring_back(worktree, kept)
    return Said(f"Brought back; changed since and left as they are: {', '.join(left[:5])}" if left else "Brought back")


@_doing
def make_commit(request: HttpRequest, worktree: Worktree) -> Said:
    """Commit what is chosen, or everything where the form says so: `new` where its page listed no change, but there may be some now."""
    amend, everything = "amend" in request.POST, request.POST.get("all", "")
    if everything and not (amend and everything == "new"):
        changes.choose(worktree, [])
    made = changes.commit(worktree, message=request.POST.get("message", ""), sign_off="sign_off" in request.POST, amend=amend)
    return Said(f"Commit {made[:7]} {'amended' if amend else 'made'}")


@_doing
def fetch(request: HttpRequest, worktree: Worktree) -> Said:
    """Ask the remote what is new."""
    repositories.fetch(user=worktree.user, namespace=worktree.repository.namespace)
    return Said("Fetched")


@_doing
def pull(request: HttpRequest, worktree: Worktree) -> Said:
    """Bring what others pushed into the copy."""
    before = worktree.head()
    found = merging.pull(worktree, how="rebase" if request.POST.get("how") == "rebase" else "merge")
    return _moved(found, "Nothing new: you have all commits" if worktree.head() == before else "Pulled")


@_doing
def merge(request: HttpRequest, worktree: Worktree) -> Said:
    """Bring another branch, or a tag, into this one."""
    other = request.POST.get("other", "")
    return _moved(merging.merge(worktree, other), f"{other} merged")


@_doing
def revert(request: HttpRequest, worktree: Worktree, commit: str) -> Said:
    """Take a commit back by another one."""
    return _moved(merging.revert(worktree, commit), f"{commit[:7]} reverted")


def _moved(found: merging.Outcome, text: str) -> Said:
    return Said(text if found.commit else f"{plural(len(found.clashes), 'file')} to decide")


@_doing
def push(request: HttpRequest, worktree: Worktree) -> Said:
    """Push the branch, or its commits to a new one."""
    pushed = sharing.push(worktree, new_branch=request.POST.get("new_branch", ""))
    return Said(f"Pushed to {pushed.branch}", pushed=pushed.branch if pushed.branch != worktree.branch else "")


@_doing
def tag(request: HttpRequest, worktree: Worktree, commit: str) -> Said:
    """Give a commit a name, in the remote too."""
    name = sharing.tag(worktree, commit, request.POST.get("name", ""), request.POST.get("message", ""))
    return Said(f"Tag {name} is made and pushed")


@_doing
def resolve(request: HttpRequest, worktree: Worktree) -> Said:
    """Decide one file that clashes: by a side, or part by part."""
    path, side = request.POST.get("path", ""), request.POST.get("side", "")
    if side:
        merging.resolve(worktree, path, side=side)  # type: ignore[arg-type] -- another word is refused there
        return Said(f"{path.rpartition('/')[2]} decided")
    found = merging.outcome(worktree)
    clash = next((one for one in found.clashes if one.name == path and one.key == request.POST.get("key")), None)
    if clash is None:
        raise Invalid(f"{path} has changed meanwhile, or is decided: look at it again.")
    text = joined(merging.segments(worktree, found, clash), request.POST.getlist("part"))
    merging.resolve(worktree, clash.path, content=text.encode())
    return Said(f"{path.rpartition('/')[2]} decided")


@_doing
def reopen(request: HttpRequest, worktree: Worktree) -> Said:
    """Take back what was decided about a file."""
    merging.reopen(worktree, request.POST.get("path", ""))
    return Said("")


@_doing
def finish(request: HttpRequest, worktree: Worktree) -> Said:
    """Carry out the merge, rebase or revert whose clashes are decided."""
    merging.finish(worktree)
    return Said("Done")


@_doing
def cancel(request: HttpRequest, worktree: Worktree) -> Said:
    """Drop the merge, rebase or revert that is open."""
    merging.cancel(worktree)
    return Said("Cancelled: everything is as it was")


@require_POST
@login_required
def create_branch(request: HttpRequest, namespace: str) -> HttpResponse:
    """Make a branch, and go there."""
    tree.enter(request.user, namespace, Role.MEMBER)
    made = worktrees.create(
        user=asking.person(request), namespace=namespace, branch=request.POST.get("name", ""), start=request.POST.get("start", "")
    )  # fmt: skip
    return done(request, _home(request, namespace) + _at(made), message=f"Branch {made.branch} is made")



@require_POST
@login_required
def remove_copy(request: HttpRequest, namespace: str) -> HttpResponse:
    """Remove the copy of a branch, and stay where that was not the one that is open."""
    tree.enter(request.user, namespace, Role.MEMBER)
    found = removing.mine(user=asking.person(request), namespace=namespace, branch=request.POST.get("name", ""))
    kept = removing.remove(found, anyway="anyway" in request.POST)
    here = request.GET.get("branch", "")
    back = _home(request, namespace) + ("?" + urlencode({"branch": here}) if here not in ("", found.branch) else "")
    undo = reverse("workspace:git_return", args=[namespace, kept])
    return done(request, back, message=f"Your copy of {found.branch} is removed", undo=undo)


@require_POST
@login_required
def return_copy(request: HttpRequest, namespace: str, kept: str) -> HttpResponse:
    """Make a copy again that was removed, and go there."""
    tree.enter(request.user, namespace, Role.MEMBER)
    made = removing.bring_back(user=asking.person(request), namespace=namespace, kept=kept)
    return done(request, _home(request, namespace) + _at(made), message=f"Your copy of {made.branch} is back")
