"""Files written for people, as unsaved texts; where a model is named; and a model renamed with all that names it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_POST

from namespaces.models import Role
from namespaces.rights import login_required
from namespaces.services.versions import Author
from ui.errors import Invalid, Missing
from workspace import asking, generating, knowledge, project_files, questions, renaming
from workspace.generating import name_of
from workspace.project_files import Project

COLUMNS_SECONDS = 90.0


@require_POST
@login_required
def generate(request: HttpRequest, namespace: str, what: str) -> HttpResponse:
    """A new text, or an old one completed: `staging` or `sources` of a table, `schema` of a model, a `model` of a part of another."""
    place = asking.place(request, namespace, Role.MEMBER)
    (path,) = asking.sent(request, "path")
    path = asking.path(place, path)
    project = project_files.find(place, path)
    known = knowledge.known(project)
    if what in ("staging", "sources"):
        source, table = asking.sent(request, "source", "table")
        source, table = name_of(source, "source"), name_of(table, "table")
        schema = name_of(str(asking.values(request).get("schema") or source), "schema")
        columns = _columns(request, project, known, source, table, schema)
        if what == "staging":
            made = generating.staging(project, source, table, columns)
        else:
            made = generating.sources(project, source, table, schema, columns)
    elif what == "schema":
        made = generating.schema(project, known, path)
    elif what == "model":
        name, selection = asking.sent(request, "name", "selection")
        made = generating.model(path, name_of(name, "A model's name"), selection)
    else:
        raise Missing("There is nothing of this kind to generate: staging, sources, schema or model.")
    return JsonResponse({"path": made[0], "text": made[1]})


def _columns(request: HttpRequest, project: Project, known: dict[str, Any], source: str, table: str, schema: str) -> list[dict[str, str]]:
    """The columns of a table: those that are known, else those that the database tells; none where it tells nothing."""
    node = next((one for one in known["models"] if one["kind"] == "source" and (one["source"], one["name"]) == (source, table)), None)
    if node is not None and node["columns"]:
        return list(node["columns"])
    read = f"{{{{ source('{source}', '{table}') }}}}" if node is not None else f"{schema}.{table}"
    text = f"select * from {read}"  # noqa: S608 -- they are plain names, and the connection is one of the person
    more = {"selection": "", "limit": 1, "selectable": False}
    question = questions.ask(user=asking.person(request), project=project, kind="columns", path="", text=text, **more)
    question = questions.waited(question, COLUMNS_SECONDS)
    if question.state not in questions.ENDED:
        questions.cancel(question)
        raise questions.NoWorker
    if "problems" in question.answer:
        raise Invalid(f"The columns of {table} cannot be told: {question.answer['problems'][0]['message']}")
    return [{"name": column["name"], "type": "", "description": ""} for column in question.answer.get("columns", ())]


@require_POST
@login_required
def references(request: HttpRequest, namespace: str) -> HttpResponse:
    """Where the files of a project name a model."""
    place = asking.place(request, namespace)
    path, name = asking.sent(request, "path", "name")
    project = project_files.find(place, asking.path(place, path))
    return JsonResponse({"references": [asdict(one) for one in renaming.references(project, name_of(name, "A model's name"))]})


@require_POST
@login_required
def rename(request: HttpRequest, namespace: str) -> HttpResponse:
    """What changes where a model gets another name; with `apply: true` it is made so."""
    place = asking.place(request, namespace, Role.MEMBER)
    path, name = asking.sent(request, "path", "name")
    path = asking.path(place, path)
    project = project_files.find(place, path)
    applies = asking.values(request).get("apply") is True
    made = renaming.apply(project, path, name, author=Author(request.user)) if applies else renaming.changes(project, path, name)
    return JsonResponse({"applied": applies, "changes": [asdict(one) for one in made]})
