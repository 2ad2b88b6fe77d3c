"""What a user may not or cannot do, and the one middleware that turns it into an answer."""

from __future__ import annotations

import inspect
import logging
import secrets
from collections.abc import Callable, Iterable
from typing import Any, Literal

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import render

logger = logging.getLogger(__name__)

Kind = Literal["invalid", "missing", "conflict", "forbidden", "throttled", "gone"]
STATUS: dict[Kind, int] = {"invalid": 422, "missing": 404, "conflict": 409, "forbidden": 403, "throttled": 429, "gone": 410}
TITLES: dict[int, str] = {
    400: "This request cannot be understood",
    403: "You may not do this",
    404: "There is nothing here",
    410: "This is over",
    409: "Someone else was first",
    413: "This is too large",
    422: "This cannot be done",
    429: "Too many tries",
    500: "Something broke on our side",
}


class KestraError(Exception):
    """This cannot be done."""

    kind: Kind = "invalid"

    def __init__(self, message: str = "") -> None:
        """`message` is shown to the user; without one they read the docstring of the class."""
        self.message = message or inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0]
        super().__init__(self.message)

    @property
    def status(self) -> int:
        """The HTTP status of this kind of error."""
        return STATUS[self.kind]


class Invalid(KestraError):
    """What was sent is not valid."""


class Missing(KestraError):
    """It does not exist, or you may not see it."""

    kind = "missing"


class Conflict(KestraError):
    """It was changed meanwhile: reload and try again."""

    kind = "conflict"


class Forbidden(KestraError):
    """Your role does not allow this; ask an owner of the namespace."""

    kind = "forbidden"


class Throttled(KestraError):
    """Too many tries: wait a while."""

    kind = "throttled"


def wants_json(request: HttpRequest) -> bool:
    """Whether a program asks: below /api/, or a client that prefers JSON to HTML."""
    return request.path.startswith("/api/") or request.get_preferred_type(["text/html", "application/json"]) == "application/json"


def body(request: HttpRequest, message: str, details: Iterable[tuple[str, str | None]] = (), *, error_id: str = "") -> dict[str, Any]:
    """An error as Kestra writes it for programs; `details` are (message, path) pairs, `error_id` is the one in the log."""
    empty = dict.fromkeys(("profile", "deprecation", "title", "hreflang", "type", "name"))
    link = {"self": {"href": request.get_full_path(), "templated": False} | empty}
    errors = [{"message": text, "logref": None, "path": path, "_links": {}, "_embedded": {}} for text, path in details]
    told = {"message": message, "logref": error_id or None, "path": None}
    return told | {"_links": link, "_embedded": {"errors": errors} if errors else {}}


def answer(request: HttpRequest, status: int, message: str, *, error_id: str = "") -> HttpResponse:
    """An error as the asker can read it: JSON for programs, a banner for htmx (in `#page-messages`), else a page."""
    if wants_json(request):
        return JsonResponse(body(request, message, error_id=error_id), status=status)
    context = {"status": status, "title": TITLES.get(status, TITLES[422]), "message": message, "error_id": error_id}
    if request.headers.get("HX-Request") == "true":
        response = render(request, "_error_banner.html", context, status=status)
        response["HX-Retarget"] = "#page-messages"
        response["HX-Reswap"] = "innerHTML"
        return response
    return render(request, "error.html", context, status=status)


class ErrorMiddleware:
    """Turns a `KestraError` that a view raised into its answer, and gives every other exception an id that log and page share.

    Before that it refuses what no view can do anything with: a NUL, which not every database can even be asked about.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and wants_json(request):
            return not_allowed(request, response["Allow"])
        return response

    def process_view(self, request: HttpRequest, *_view: object) -> HttpResponse | None:
        """None lets the view answer."""
        if "\0" in request.path:
            return not_found(request)
        # A program's body is its own affair: it may be anything, and is read by whoever knows what.
        forms = (request.GET,) if request.path.startswith("/api/") else (request.GET, request.POST)
        if any("\0" in text for form in forms for name, values in form.lists() for text in (name, *values)):
            return answer(request, STATUS["invalid"], "A NUL was sent, which no name or text may contain. Remove it and try again.")
        return None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """None lets Django go on with what is not ours."""
        if isinstance(exception, KestraError):
            return answer(request, exception.status, exception.message)
        request.META["kestra_web.error_id"] = secrets.token_hex(4)
        return None


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400."""
    if isinstance(exception, DisallowedHost):  # a page cannot be drawn for a host that is none of ours
        text = "This server is not known by the name that was asked for. An administrator adds it to KESTRA_WEB_ALLOWED_HOSTS."
        return HttpResponse(f"{text}\n", status=400, content_type="text/plain; charset=utf-8")
    return answer(request, 400, "The address or the form that was sent is damaged. Go back, reload the page and try again.")


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler403."""
    return answer(request, 403, "Your role does not allow this; ask an owner of the namespace or an administrator.")


def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler404."""
    return answer(request, 404, "This address leads nowhere, or to something that you may not see.")


def not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    """A method that an address does not know, in the words of Kestra's server."""
    text = f"Method [{request.method}] not allowed for URI [{request.path}]. Allowed methods: [{allowed}]"
    response = answer(request, 405, text)
    response["Allow"] = allowed
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: the id on the page is the one in the server's log."""
    error_id = request.META.get("kestra_web.error_id") or secrets.token_hex(4)
    logger.error("error %s was answered to %s %s", error_id, request.method, request.path)
    message = "It is logged and not your fault. Try again, and tell an administrator this id if it stays."
    return answer(request, 500, message, error_id=error_id)


def csrf_failure(request: HttpRequest, **_details: object) -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    return answer(request, 403, "This page is too old or cookies are off. Reload it and try again.")
