"""What this API can do, for people to read and for programs (OpenAPI). Made on the server: nothing is loaded from elsewhere."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET
from ninja import NinjaAPI

from api import openapi
from api.doors import authenticate
from namespaces.rights import login_required
from ui.htmx import page as answer

ROOT = "/api/v1/main/"
WAYS = {name: {"type": "http", "scheme": name} for name in ("basic", "bearer")}  # to sign in; an operation without them is OPEN
BODIES = {  # what a request sends that the schema does not tell, since bodies are read as Kestra's clients write them
    ("POST", "flows"): ["-H", "Content-Type: application/x-yaml", "--data-binary", "@flow.yml"],
    ("PUT", "flows/{namespace}/{flow_id}"): ["-H", "Content-Type: application/x-yaml", "--data-binary", "@flow.yml"],
    ("POST", "flows/validate"): ["-H", "Content-Type: application/x-yaml", "--data-binary", "@flow.yml"],
    ("POST", "executions/{namespace}/{flow_id}"): ["-F", "name=value"],
    ("POST", "executions/{namespace}/{flow_id}/validate"): ["-F", "name=value"],
    ("POST", "namespaces/{namespace}/files"): ["-F", "fileContent=@file"],
    ("PUT", "namespaces/{namespace}/kv/{key}"): ["-H", "Content-Type: text/plain", "--data", "42"],
}


@dataclass(frozen=True, slots=True)
class Parameter:
    """What an address or its query takes."""

    name: str
    place: str
    required: bool
    type: str
    default: str


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that the API does, with the command that asks for it."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    deprecated: bool
    is_open: bool
    parameters: tuple[Parameter, ...]
    curl: str

    def has(self, text: str) -> bool:
        """Whether every word of a text is found in it."""
        about = f"{self.method} {self.path} {self.summary} {self.description} {self.tag}".lower()
        return all(word in about for word in text.lower().split())


def operations(schema: Mapping[str, Any]) -> Iterator[Operation]:
    """The operations of an OpenAPI schema, in its order."""
    for path, methods in schema["paths"].items():
        for method, told in methods.items():
            yield _operation(path, method.upper(), told)


def _operation(path: str, method: str, told: Mapping[str, Any]) -> Operation:
    summary = str(told.get("summary", ""))
    parameters = tuple(_parameter(one) for one in told.get("parameters", ()))
    return Operation(
        id=f"{method.lower()}-{path.strip('/').replace('/', '-').replace('{', '').replace('}', '')}",
        tag=(told.get("tags") or ["other"])[0],
        method=method,
        path=path,
        summary=summary,
        description=str(told.get("description", "")),
        deprecated=bool(told.get("deprecated")),
        is_open=told.get("security") == [],
        parameters=parameters,
        curl=_curl(path, method, parameters, is_open=told.get("security") == []),
    )


def _parameter(one: Mapping[str, Any]) -> Parameter:
    shape = one.get("schema", {})
    kinds = [part.get("type", "") for part in shape.get("anyOf", [shape]) if part.get("type") != "null"]
    default = shape.get("default")
    return Parameter(
        one["name"], one["in"], bool(one.get("required")), " or ".join(kinds), "" if default in (None, "", []) else str(default)
    )


def _curl(path: str, method: str, parameters: tuple[Parameter, ...], *, is_open: bool) -> str:
    needed = "&".join(f"{one.name}=…" for one in parameters if one.place == "query" and one.required)
    url = settings.KESTRA_URL.rstrip("/") + path + (f"?{needed}" if needed else "")
    words = ["curl"] + ([] if method == "GET" else ["-X", method])
    words += [] if is_open else ["-H", "Authorization: Bearer TOKEN"]
    words += BODIES.get((method, path.removeprefix(ROOT)), [])
    return " ".join(map(_quoted, [*words, url]))


def _quoted(word: str) -> str:
    """As a shell needs it, always in quotes where something is to be filled in."""
    return f"'{word}'" if "{" in word or "…" in word else shlex.quote(word)


def views(api: NinjaAPI) -> tuple[Any, Any]:
    """(page, schema): the view of the page for people, and that of the OpenAPI document."""

    def told() -> dict[str, Any]:
        made = openapi.described(api, ROOT)
        return {**made, "components": {**made["components"], "securitySchemes": WAYS}}

    @login_required
    @require_GET
    def docs(request: HttpRequest) -> HttpResponse:
        q = request.GET.get("q", "").strip()
        groups: dict[str, list[Operation]] = {}
        for operation in operations(told()):
            if operation.has(q):
                groups.setdefault(operation.tag, []).append(operation)
        context = {"groups": groups, "q": q, "total": sum(map(len, groups.values()))}
        return answer(request, "api/docs.html", "api/_operations.html", context)

    @require_GET
    def schema(request: HttpRequest) -> HttpResponse:
        if authenticate(request) is None:
            return HttpResponse(status=401, headers={"WWW-Authenticate": "Basic realm=Kestra"})
        return JsonResponse(told())

    return docs, schema
