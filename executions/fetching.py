"""What an expression fetches from an address: `http()`, for lists to choose from and small look-ups. A task does it better."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import httpx

from engine.errors import ExpressionError
from engine.expressions import to_json, to_text
from executions.jq_child import WAITED

SECONDS = 5.0  # until something is heard
MOST_SECONDS = 10.0  # all in all
LONGEST = 5 * 1024 * 1024
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


def http(
    uri: str,
    method: str = "GET",
    body: Any = None,
    headers: Mapping[str, Any] | None = None,
    query: Mapping[str, Any] | None = None,
    contentType: str | None = None,  # noqa: N803 -- its name in flows
    accept: str | None = None,
) -> Any:
    """The answer of an address, read where it is JSON. Raises ExpressionError, without query and headers: they may be secret."""
    address = _address(uri)
    if method.upper() not in METHODS:
        raise ExpressionError(f"The 'http' function expects a method of {', '.join(sorted(METHODS))}")
    sent = {str(name): to_text(value) for name, value in (headers or {}).items()}
    sent |= {"Content-Type": contentType or "application/json"} if body is not None else {}
    sent |= {"Accept": accept} if accept else {}
    content = None if body is None else body if isinstance(body, str) else to_json(body)
    params = [*address.params.multi_items(), *((str(name), to_text(value)) for name, value in (query or {}).items())]
    started = time.monotonic()
    try:
        return _fetched(address, method.upper(), sent, httpx.QueryParams(params) if params else None, content)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError, OSError) as error:
        raise ExpressionError(f"{_shown(address)} cannot be fetched: {type(error).__name__}") from None  # its text may hold the query
    finally:
        WAITED.seconds += (time.monotonic() - started) / 10  # one answer may take longer than a rendering, many may not


def _address(uri: str) -> httpx.URL:
    try:
        address = httpx.URL(to_text(uri).strip())
    except httpx.InvalidURL:
        raise ExpressionError("The 'http' function expects an address such as https://example.org/list.json") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise ExpressionError("The 'http' function expects an address that begins with http:// or https://")
    return address


def _shown(address: httpx.URL) -> str:
    return str(address.copy_with(userinfo=b"", query=None, fragment=None))


def _fetched(address: httpx.URL, method: str, headers: dict[str, str], params: httpx.QueryParams | None, content: str | None) -> Any:
    deadline, received = time.monotonic() + MOST_SECONDS, bytearray()
    with (
        httpx.Client(timeout=SECONDS, follow_redirects=True, max_redirects=5, trust_env=False) as client,
        client.stream(method, address, headers=headers, params=params, content=content) as response,
    ):
        for piece in response.iter_bytes():
            received += piece
            if len(received) > LONGEST or time.monotonic() > deadline:
                raise ExpressionError(f"{_shown(address)} answers more than {LONGEST} bytes, or for more than {MOST_SECONDS:.0f} seconds")
        if response.status_code >= 400:
            raise ExpressionError(f"{_shown(address)} answered with status {response.status_code}")
        text = received.decode(response.encoding or "utf-8", errors="replace")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ExpressionError(f"{_shown(address)} answers something that is not JSON") from error
    return text
