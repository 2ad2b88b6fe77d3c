"""What the editor asks about dbt: all that is known of the project, unsaved text compiled and shown, and what can be made of it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.urls import reverse
from django.views.decorators.cache import cache_control, never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.selectors import tree
from ui.errors import Conflict, Invalid
from workspace import asking, dbt_runs, knowledge, lineage, project_files, questions, targets, templates, worktrees
from workspace import problems as finding
from workspace.project_files import Project

POLL_SECONDS = 10.0
COMPILE_SECONDS = 90.0
ROWS = 500
_COMPILED = ("model", "snapshot", "test", "analysis")


@cache_control(private=True, no_cache=True)
@require_safe
@login_required
def known(request: HttpRequest, namespace: str) -> HttpResponse:
    """All that is known of the project of `?path=`, of the topmost one without it; 304 to who has the same already."""
    place = asking.place(request, namespace)
    asked = request.GET.get("path", "")
    project = project_files.find(place, asking.path(place, asked) if asked else "")
    etag, content = knowledge.document(project)
    tag = f'"{etag}"'
    if tag in (part.strip().removeprefix("W/") for part in request.headers.get("If-None-Match", "").split(",")):
        answer: HttpResponse = HttpResponseNotModified()
    else:
        answer = HttpResponse(content, content_type="application/json")
    answer.headers["ETag"] = tag
    return answer


def _asked(request: HttpRequest, namespace: str) -> tuple[Project, str, dict[str, Any]]:
    """The project, the path and all that was sent about an unsaved text. Asks for the rights of running something."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, text = asking.sent(request, "path", "text")
    path = asking.path(place, path)
    if not path.endswith(".sql"):
        raise Invalid("dbt compiles and shows SQL: this is no .sql file.")
    return project_files.find(place, path), path, {**asking.values(request), "text": text}


def _ways(project: Project, path: str, text: str) -> dict[str, bool]:
    """Whether dbt can select what this file holds, else it is taken as a text of its own; and whether the text means the same then, which
    spares reading the project again."""
    kind = project.kind_of(path)
    alone = kind in ("model", "analysis") and len(text) <= questions.LONGEST_SELECTION
    alone = alone and templates.stands_alone(text, project_files.macro_names(project))
    return {"selectable": kind in _COMPILED, "alone": alone}


@require_POST
@login_required
def compiled(request: HttpRequest, namespace: str) -> HttpResponse:
    """The compiled SQL of an unsaved text, or what is wrong with it."""
    project, path, sent = _asked(request, namespace)
    return JsonResponse(_answer(request, project, "compile", path, sent["text"], **_ways(project, path, sent["text"])))


def _answer(request: HttpRequest, project: Project, kind: str, path: str, text: str, **more: Any) -> dict[str, Any]:
    """What a worker answers. Raises `NoWorker`, and `Conflict` where a newer question took the place of this one."""
    question = questions.ask(user=asking.person(request), project=project, kind=kind, path=path, text=text, **more)
    question = questions.waited(question, COMPILE_SECONDS)
    if question.state not in questions.ENDED:
        questions.cancel(question)
        raise questions.NoWorker
    if question.state == questions.State.CANCELLED:
        raise Conflict("A newer question of yours took the place of this one.")
    answer: dict[str, Any] = question.answer
    return answer


@require_POST
@login_required
def formatted(request: HttpRequest, namespace: str) -> HttpResponse:
    """An unsaved text as sqlfmt writes it."""
    project, path, sent = _asked(request, namespace)
    answer = _answer(request, project, "format", path, sent["text"], selectable=True)
    if "problems" in answer:
        raise Invalid(str(answer["problems"][0]["message"]))
    return JsonResponse(answer)


@require_POST
@login_required
def linted(request: HttpRequest, namespace: str) -> HttpResponse:
    """What sqlfluff says of an unsaved text."""
    project, path, sent = _asked(request, namespace)
    about = {"adapter": knowledge.known(project)["adapter"], "macros": project.folders("macro")}
    answer = _answer(request, project, "lint", path, sent["text"], selectable=True, **about)
    if "problems" in answer:
        raise Invalid(str(answer["problems"][0]["message"]))
    return JsonResponse({"problems": answer["found"], "seconds": answer["seconds"]})


@require_POST
@login_required
def problems(request: HttpRequest, namespace: str) -> HttpResponse:
    """What is wrong with an unsaved text, as far as that is found without dbt."""
    place = asking.place(request, namespace)
    path, text = asking.sent(request, "path", "text")
    path = asking.path(place, path)
    try:
        project = project_files.find(place, path)
    except project_files.NoProject:
        return JsonResponse({"problems": finding.found(None, {}, path, text)})
    return JsonResponse({"problems": finding.found(project, knowledge.known(project), path, text)})


@require_POST
@login_required
def preview(request: HttpRequest, namespace: str) -> HttpResponse:
    """Ask for the first rows of an unsaved text, or of a part of it."""
    project, path, sent = _asked(request, namespace)
    limit, selection = sent.get("limit", ROWS), sent.get("selection") or ""
    if type(limit) is not int or not 1 <= limit <= questions.MOST_ROWS:
        raise Invalid(f"limit is a number of rows from 1 to {questions.MOST_ROWS}.")
    if not isinstance(selection, str) or len(selection) > questions.LONGEST_SELECTION:
        raise Invalid(f"selection is a text of at most {questions.LONGEST_SELECTION:,} characters.")
    more = {"selection": selection, "limit": limit, **_ways(project, path, sent["text"])}
    question = questions.ask(user=asking.person(request), project=project, kind="preview", path=path, text=sent["text"], **more)
    return JsonResponse({"id": question.id})


@never_cache
@require_http_methods(["GET", "HEAD", "DELETE"])
@login_required
def previewed(request: HttpRequest, namespace: str, question_id: str) -> HttpResponse:
    """How a preview stands, after ten seconds at the latest; DELETE ends what a worker does for it."""
    tree.enter(request.user, namespace)
    question = questions.one(asking.person(request), namespace, question_id)
    if request.method == "DELETE":
        questions.cancel(question)
        question.refresh_from_db()
    else:
        question = questions.waited(question, POLL_SECONDS)
    problems = question.answer.get("problems")
    first = {"problem": problems[0]} if problems else {}
    return JsonResponse({"state": question.state, **question.answer, **first})


@never_cache
@require_safe
@login_required
def around(request: HttpRequest, namespace: str) -> HttpResponse:
    """The lineage around a file as it is saved, as the page draws it."""
    place = asking.place(request, namespace)
    path = asking.path(place, request.GET.get("path", ""))
    return JsonResponse(lineage.around(project_files.find(place, path), path))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def target(request: HttpRequest, namespace: str) -> HttpResponse:
    """The target that this person chose here, empty for the default, with those of the project of `?path=`; POST chooses another."""
    place = asking.place(request, namespace)
    if request.method == "POST":
        (chosen,) = asking.sent(request, "target")
        if len(chosen) > 100 or not chosen.isprintable() or chosen.startswith("-"):
            raise Invalid("A target is the name of one in profiles.yml.")
        targets.choose(asking.person(request), namespace, chosen.strip())
    asked, chosen = request.GET.get("path", ""), targets.chosen(asking.person(request), namespace)
    try:
        offer = targets.offered(project_files.find(place, asking.path(place, asked) if asked else ""))
    except project_files.NoProject:
        offer = targets.Offer("", "", ())
    used = offer.used(chosen)
    return JsonResponse({"target": chosen, **asdict(offer), "guarded": used is not None and used.guarded})


@require_POST
@login_required
def run(request: HttpRequest, namespace: str) -> HttpResponse:
    """Start an execution that runs, tests or builds a file as it is saved, with what comes before or after it."""
    place = asking.place(request, namespace, Role.MEMBER)
    verb, path, reach = asking.sent(request, "verb", "path", "reach")
    path = asking.path(place, path)
    user, branch = asking.person(request), request.GET.get("branch", "")
    worktree = worktrees.find(user=user, namespace=namespace, branch=branch) if branch else None
    project = project_files.find(place, path)
    execution = dbt_runs.start(user=user, project=project, worktree=worktree, verb=verb, path=path, reach=reach)
    return JsonResponse({"execution": {"id": execution.id, "url": reverse("executions:detail", args=[execution.id])}})
