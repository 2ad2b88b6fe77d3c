"""Every address that the product answers, as Django's resolver and the API's own description know them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

from api.docs import ROOT
from api.urls import api
from kestra_web.asgi import websocket_urlpatterns

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
API = re.compile(r"\^api/v1/\(\?:main/\)\?")


def patterns(of: Sequence[URLPattern | URLResolver] | None = None, before: str = "") -> Iterator[str]:
    """Every pattern as it is written, those of included ones too; API addresses without the tenant."""
    for one in get_resolver().url_patterns if of is None else of:
        if isinstance(one, URLResolver):
            yield from patterns(one.url_patterns, before + str(one.pattern))
        else:
            yield API.sub("api/v1/", before + str(one.pattern)).replace("\\.", ".").rstrip("$").replace("^", "")


def operations() -> Iterator[tuple[str, str]]:
    """(method, pattern) of every operation of the API."""
    for prefix, router in api._routers:
        for path, view in router.path_operations.items():
            for operation in view.operations:
                url = "/".join(part for part in f"{prefix}/{path}".split("/") if part) + ("/" if path == "/" else "")
                for method in operation.methods:
                    yield method, "api/v1/" + re.sub(r"\{(?:path:)?(\w+)\}", lambda found: f"<{found[0][1:-1]}>", url)


def sockets() -> list[str]:
    """The pattern of every socket."""
    return [str(one.pattern) for one in websocket_urlpatterns]


def filled(pattern: str, values: dict[str, Any]) -> str:
    """The address of a pattern with values in it."""
    text = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", pattern)
    text = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: str(values[found[1]]), text)
    return f"/{text}".replace("/api/v1/", ROOT)
