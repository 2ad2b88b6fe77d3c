"""What keeps a browser to our own pages: headers with a strict content security policy, and sockets that only our pages may open."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http import HttpRequest
from django.http.request import split_domain_port, validate_host
from django.http.response import HttpResponseBase
from django.utils.functional import SimpleLazyObject

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'{nonce}; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}


class SecurityHeaders:
    """Sets the security headers on every answer that has none of its own.

    A template that needs a style element (CodeMirror makes one) writes `{{ request.csp_nonce }}` where its script finds it; only the
    answers that did so name a nonce in their policy.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        made: list[str] = []

        def nonce() -> str:
            made.append(secrets.token_urlsafe(16))
            return made[0]

        request.csp_nonce = SimpleLazyObject(nonce)  # type: ignore[attr-defined]  # Django's request is open to middleware
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY.format(nonce=f" 'nonce-{made[0]}'" if made else ""))
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if settings.SECURE_HSTS_SECONDS and request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", f"max-age={settings.SECURE_HSTS_SECONDS}")
        return response


class SameOrigin:
    """Lets a socket open only where a page of ours asks: from the very host and port that the socket is asked of, or from KESTRA_WEB_URL.

    Another server on another port of this machine is another site, although its pages send our cookies.
    """

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> Any:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        serve = self.application if _is_ours(headers.get("origin", ""), headers.get("host", "")) else WebsocketDenier()
        return await serve(scope, receive, send)


def _is_ours(origin: str, host: str) -> bool:
    try:
        asked = urlsplit(origin.lower())
        ours = urlsplit(settings.KESTRA_URL.lower())
        if asked.scheme not in ("http", "https") or asked.hostname is None:
            return False
        if (asked.scheme, asked.netloc) == (ours.scheme, ours.netloc):
            return True
        same = asked.netloc == host.lower() and validate_host(split_domain_port(asked.netloc)[0], settings.ALLOWED_HOSTS)
    except ValueError:
        return False
    return same and (asked.scheme == "https" or not settings.SESSION_COOKIE_SECURE)
