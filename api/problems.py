"""Errors as Kestra answers them: `{message, logref, path, _links, _embedded}` with the prefix of their kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja.errors import AuthenticationError, HttpError, ValidationError

from engine.parser import YAML_PROBLEM
from executions.starting import InvalidInput
from flows.validation import InvalidFlow
from ui.errors import STATUS, KestraError, body

PREFIX = {
    "invalid": "Illegal argument: ",
    "missing": "Not Found: ",
    "conflict": "Illegal state: ",
    "forbidden": "Forbidden: ",
    "throttled": "",
    "gone": "",
}
KNOWN = ("Invalid entity: ", "Illegal argument: ", "Illegal state: ", "Not Found", "Forbidden", "Invalid queryString", "invalid bulk")


def answer(request: HttpRequest, status: int, message: str, details: Iterable[tuple[str, str | None]] = ()) -> JsonResponse:
    return JsonResponse(body(request, message, details), status=status)


def on_kestra_error(request: HttpRequest, error: KestraError) -> HttpResponse:
    """An invalid flow or input tells each of its problems; everything else its one message, with the prefix of its kind's own status."""
    if isinstance(error, InvalidFlow):
        return _invalid_flow(request, error)
    if isinstance(error, InvalidInput):
        detail = (error.message.removeprefix(f"{error.input_id}: "), error.input_id)
        return answer(request, error.status, f"Invalid entity: {error.message}", [detail])
    usual = error.status == STATUS[error.kind] and not error.message.startswith(KNOWN)
    return answer(request, error.status, PREFIX[error.kind] * usual + error.message)


def _invalid_flow(request: HttpRequest, error: InvalidFlow) -> HttpResponse:
    """What is wrong with a text that is no YAML at all stands at the path `yaml`."""
    found = [problem for problem in error.problems if problem.severity == "error"]
    details = [(problem.message.removeprefix(YAML_PROBLEM), problem.path or _whole(problem.message)) for problem in found]
    return answer(request, error.status, f"Invalid entity: {error.message}", details)


def _whole(message: str) -> str | None:
    return "yaml" if message.startswith(YAML_PROBLEM) else None


def _invalid(noun: str, named: str, reason: str) -> dict[str, Any]:
    """One of the `invalids` of a bulk operation that did nothing, with the names that Kestra's validator gives."""
    return {
        "message": reason,
        "rootBean": named,
        "rootBeanClass": "java.lang.String",
        "leafBean": named,
        "propertyPath": [{"name": noun, "kind": "PROPERTY", "inIterable": False}],
        "invalidValue": named,
        "messageTemplate": "{messageTemplate}",
        "executableParameters": [],
    }


def refused_bulk(request: HttpRequest, verb: str, noun: str, reasons: Mapping[str, str]) -> JsonResponse:
    """400 for a bulk operation that did nothing: `reasons` says of each name why."""
    told = body(request, f"invalid bulk {verb}")
    return JsonResponse(told | {"invalids": [_invalid(noun, name, reason) for name, reason in reasons.items()]}, status=400)


def on_missing(request: HttpRequest, error: Http404) -> HttpResponse:
    return answer(request, 404, "Not Found")


def on_validation(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A query parameter or body of the wrong type."""
    details = [(str(e["msg"]), ".".join(str(part) for part in e["loc"])) for e in error.errors]
    return answer(request, 422, "Illegal argument: " + "; ".join(f"{path}: {text}" for text, path in details), details)


def on_http(request: HttpRequest, error: HttpError) -> HttpResponse:
    return answer(request, error.status_code, str(error))


def on_unauthenticated(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Empty, as Kestra's, so that browsers and clients ask for a login."""
    return HttpResponse(status=401, headers={"WWW-Authenticate": "Basic realm=Kestra"})


def on_bug(request: HttpRequest, error: Exception) -> HttpResponse:
    """Everything else travels up to Django's own handling, which logs it."""
    raise error
