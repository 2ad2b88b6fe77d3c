"""The one place that decides whether an answer is a page, a fragment or a redirect."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page: not for a boosted link, and not when it rebuilds its history."""
    headers = request.headers
    return headers.get("HX-Request") == "true" and "HX-Boosted" not in headers and "HX-History-Restore-Request" not in headers


def page(request: HttpRequest, template: str, fragment: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """The answer to GET: `template` (which includes `fragment`) for a browser, `fragment` alone for htmx, from one context."""
    response = render(request, fragment if wants_fragment(request) else template, context, status=status)
    patch_vary_headers(response, ["HX-Request"])
    return response


def done(
    request: HttpRequest, url: str, *, message: str = "", fragment: str = "", context: dict[str, Any] | None = None, undo: str = ""
) -> HttpResponse:
    """The answer to a POST that changed something: a redirect to `url`, or for htmx the changed `fragment`
    (the whole page at `url` when there is none). `message` becomes a toast; `undo` is the URL that its Undo button posts to."""
    if not wants_fragment(request):
        return _redirect(request, HttpResponseRedirect(url), message, undo)
    if not fragment:
        response = HttpResponse(status=200)
        response["HX-Redirect"] = url
        return _redirect(request, response, message, undo)
    response = render(request, fragment, context)
    if message:
        response["HX-Trigger-After-Settle"] = json.dumps({"toast": {"message": message, "undo": undo}})
    return response


def _redirect(request: HttpRequest, response: HttpResponse, message: str, undo: str) -> HttpResponse:
    if message:
        messages.success(request, message, extra_tags=undo)
    return response


def invalid(request: HttpRequest, template: str, fragment: str, context: dict[str, Any]) -> HttpResponse:
    """A form that comes back with its errors, as a page or as its fragment, with 422."""
    return page(request, template, fragment, context, status=422)
