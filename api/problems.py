"""Errors as Kestra answers them: `{message, logref, path, _links, _embedded}` with the prefix of their kind."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja.errors import AuthenticationError, HttpError, ValidationError

from ui.errors import KestraError

PREFIX = {
    "invalid": "Illegal argument: ",
    "missing": "Not Found: ",
    "conflict": "Illegal state: ",
    "forbidden": "Forbidden: ",
    "throttled": "",
}
KNOWN = ("Invalid entity: ", "Illegal argument: ", "Illegal state: ", "Not Found", "Forbidden", "Invalid queryString", "invalid bulk")


def link(request: HttpRequest) -> dict[str, Any]:
    empty = dict.fromkeys(("profile", "deprecation", "title", "hreflang", "type", "name"))
    return {"self": {"href": request.get_full_path(), "templated": False} | empty}


def body(request: HttpRequest, message: str, details: list[tuple[str, str | None]] | None = None) -> dict[str, Any]:
    """`details` are (message, path) pairs."""
    errors = [{"message": text, "logref": None, "path": path, "_links": {}, "_embedded": {}} for text, path in details or []]
    return {"message": message, "logref": None, "path": None, "_links": link(request), "_embedded": {"errors": errors} if errors else {}}


def answer(request: HttpRequest, status: int, message: str, details: list[tuple[str, str | None]] | None = None) -> JsonResponse:
    return JsonResponse(body(request, message, details), status=status)


def on_kestra_error(request: HttpRequest, error: KestraError) -> HttpResponse:
    """An invalid flow or input tells each of its problems; everything else its one message."""
    problems = getattr(error, "problems", None)
    if problems:
        first = problems[0]
        path = first.path or None
        prefix = f"{path}: " if path == "flow.id" else ""
        told = "; ".join(problem.message for problem in problems)
        return answer(
            request, error.status, f"Invalid entity: {prefix}{told}", [(problem.message, problem.path or None) for problem in problems]
        )
    message = error.message if error.message.startswith(KNOWN) else PREFIX[error.kind] + error.message
    return answer(request, error.status, message)


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
