"""The answers about the server itself: what it is, how much is in it, what expressions know."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from ninja import Router

from api.doors import OPEN, nothing, object_of, who, word_of
from api.filters import SYSTEM
from engine.expressions import names
from executions import selectors as executions
from executions import statistics
from flows import selectors as flows
from namespaces import authentication, rights
from ui.errors import Conflict

router = Router(tags=["server"])
VERSION = "0.21.0"  # the Kestra whose answers these are


@router.get("/configs", summary="What this server is")
def configs(request: HttpRequest) -> dict[str, Any]:
    return {
        "version": VERSION,
        "edition": "OSS",
        "url": settings.KESTRA_URL,
        "isBasicAuthEnabled": True,
        "isBasicAuthInitialized": True,
        "isAnonymousUsageEnabled": False,
        "isUiAnonymousUsageEnabled": False,
        "isTaskRunEnabled": False,
        "isTemplateEnabled": False,
        "isCustomDashboardsEnabled": False,
        "isAiEnabled": False,
        "tenantsEnabled": False,
        "isSecretsEnabled": True,
        "secretsEnabled": True,
        "preview": {"initial": 100, "max": 5000},
        "systemNamespace": SYSTEM,
        "hiddenLabelsPrefixes": ["system.", "internal."],
    }


@router.get("/configs/login", auth=None, openapi_extra=OPEN, summary="Whether people can sign in")
def login_configuration(request: HttpRequest) -> dict[str, Any]:
    return {"isBasicAuthInitialized": True}


@router.get("/ping", auth=None, openapi_extra=OPEN, summary="Whether the server answers")
def ping(request: HttpRequest) -> HttpResponse:
    return HttpResponse("pong", content_type="text/plain")


@router.get("/usages/all", summary="How much this server holds and does")
def usages(request: HttpRequest) -> dict[str, Any]:
    """Of what the asker may read: nothing is sent anywhere."""
    listed = list(flows.search(who(request)).values_list("namespace", "raw"))
    within = statistics.period(None, None)
    daily = statistics.of_executions(executions.search(who(request), executions.Filters()), within)
    return {
        "version": VERSION,
        "url": settings.KESTRA_URL,
        "flows": {
            "count": len(listed),
            "namespacesCount": len({namespace for namespace, _ in listed}),
            "taskTypeCount": dict(Counter(type_ for _, raw in listed for type_ in _types(raw, ("tasks", "errors", "finally")))),
            "triggerTypeCount": dict(Counter(type_ for _, raw in listed for type_ in _types(raw, ("triggers",)))),
        },
        "executions": {
            "dailyExecutionsCount": [
                {"startDate": at.isoformat(), "executionCounts": dict(found.counts), "groupBy": within.group} for at, found in daily.items()
            ]
        },
    }


def _types(raw: Any, sections: tuple[str, ...]) -> list[str]:
    """The types in some sections of a flow, nested ones too."""
    found: list[str] = []
    waiting: list[Any] = [raw.get(section) for section in sections] if isinstance(raw, dict) else []
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            if isinstance(node.get("type"), str) and "." in node["type"]:
                found.append(node["type"])
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node
    return found


@router.post("/basicAuth", summary="Set up the first login, which is done already")
def basic_auth(request: HttpRequest) -> HttpResponse:
    """Body: `{username, password}`. What can sign in is accepted; people change their password on their account page."""
    asked = object_of(request)
    email, password = word_of(asked, "username"), word_of(asked, "password")
    if email != who(request).email or authentication.sign_in(email, password, authentication.address_of(request)) is None:
        raise Conflict("Basic authentication is set up already: change your password on your account page")
    return nothing()


@router.get("/basicAuthValidationErrors", summary="What is wrong with the login of the server: nothing")
def basic_auth_errors(request: HttpRequest) -> list[str]:
    return []


@router.get("/setup", summary="Whether the server is set up")
def setup(request: HttpRequest) -> dict[str, Any]:
    return {"done": True, "storageType": "local", "secretType": "database", "haveAuthNotBasic": False}


@router.get("/auths", summary="Other ways to sign in: none")
def auths(request: HttpRequest) -> list[dict[str, Any]]:
    return []


@router.get("/pebble/filters", summary="Filters that expressions know")
def pebble_filters(request: HttpRequest) -> list[str]:
    return names.filters()


@router.get("/pebble/functions", summary="Functions that expressions know")
def pebble_functions(request: HttpRequest) -> list[str]:
    return names.functions()


@router.get("/worker-selectors/tags", summary="Tags of workers: none")
def worker_tags(request: HttpRequest) -> dict[str, list[str]]:
    return {"tags": []}


@router.get("/concurrency-limit/search", summary="Flows with a limit, and how many executions count towards it")
def concurrency_limits(request: HttpRequest) -> dict[str, Any]:
    rows = list(flows.search(who(request)).exclude(raw__concurrency=None))
    found = [_running(name, count) for name, count in executions.occupying(rows).items()]
    return {"results": found, "total": len(found)}


def _running(name: tuple[str, str], count: int) -> dict[str, Any]:
    return {"tenantId": "main", "namespace": name[0], "flowId": name[1], "running": count}


@router.put("/concurrency-limit/{namespace}/{flow_id}", summary="How many executions count towards the limit of a flow")
def concurrency_limit(request: HttpRequest, namespace: str, flow_id: str) -> dict[str, Any]:
    """The number is counted, not kept, so that it is always right: what the body says is not taken."""
    rights.require(who(request), namespace, rights.Role.MEMBER)
    row = flows.flow(namespace, flow_id)
    return _running((namespace, flow_id), executions.occupying([row])[namespace, flow_id])
