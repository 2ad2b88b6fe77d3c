"""Requests to a server's API: JSON in and out, files, and lines that come as they happen."""

from __future__ import annotations

import json
import os
import secrets
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import quote, urlencode, urlsplit

from kestra_web.client import DEFAULT_SERVER, SERVER_VARIABLE, TOKEN_VARIABLE

SECONDS = 60.0  # without a byte from the server; streams say every 15 s that they wait
YAML = "application/x-yaml"
Part = tuple[str, str | None, bytes]  # name, file name, content


class Failed(Exception):
    """The server refused; the message is what it said."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Unreachable(Exception):
    """There is no answer from the server; the message says why."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect would carry the token to another place."""

    def redirect_request(self, *_: Any) -> None:
        return None


class Server:
    """One server, asked as one person. `tenant` is the one that Kestra's newer paths have."""

    def __init__(self, address: str, token: str) -> None:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise Failed(f"the address of the server reads https://dbt.example.org, got {address}: say it by --server or {SERVER_VARIABLE}")
        self.address = address.rstrip("/")
        self._token = token
        self._opener = urllib.request.build_opener(_NoRedirects, urllib.request.HTTPSHandler(context=ssl.create_default_context()))

    @classmethod
    def chosen(cls, server: str | None, token: str | None) -> Server:
        """The server of the options, else of the environment, else the one on this machine. Raises Failed where there is no token."""
        given = token or os.environ.get(TOKEN_VARIABLE, "").strip() or _from_file(os.environ.get(f"{TOKEN_VARIABLE}_FILE", ""))
        if not given:
            raise Failed(f"no token: make one with `kestra-web createtoken` or on your account page, and export it as {TOKEN_VARIABLE}")
        return cls(server or os.environ.get(SERVER_VARIABLE, "").strip() or DEFAULT_SERVER, given)

    # --- asking -----------------------------------------------------------------------------------------------------------------

    def ask(
        self,
        method: str,
        *path: str,
        query: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        kind: str = "application/json",
    ) -> Any:
        """The JSON that the server answers, None where it answers nothing. Raises Failed, Unreachable."""
        content = self.read(method, *path, query=query, body=body, kind=kind)
        try:
            return json.loads(content) if content.strip() else None
        except ValueError as error:
            raise Failed(f"{self.address} answered something else than JSON: is this the address of a kestra_web?") from error

    def read(
        self, method: str, *path: str, query: Sequence[tuple[str, str]] = (), body: bytes | None = None, kind: str = "application/json"
    ) -> bytes:
        """The bytes that the server answers."""
        with self._open(method, path, query, body, kind) as answer:
            try:
                return answer.read()
            except (OSError, HTTPException) as error:
                raise Unreachable(f"{self.address} stopped in the middle of its answer: {error}") from error

    def send(self, method: str, *path: str, query: Sequence[tuple[str, str]] = (), parts: Sequence[Part] = ()) -> Any:
        """As `ask`, with parts as multipart/form-data."""
        boundary = secrets.token_hex(16)
        body = b"".join(_part(boundary, *part) for part in parts) + f"--{boundary}--\r\n".encode()
        return self.ask(method, *path, query=query, body=body, kind=f"multipart/form-data; boundary={boundary}")

    def events(self, *path: str, query: Sequence[tuple[str, str]] = ()) -> Iterator[tuple[str, Any]]:
        """(id, data) of each server-sent event. Raises Unreachable when the stream breaks off."""
        with self._open("GET", path, query, None, "") as answer:
            name = ""
            try:
                for raw in answer:
                    field, _, value = raw.decode("utf-8", "replace").rstrip("\r\n").partition(": ")
                    if field == "id":
                        name = value
                    elif field == "data":
                        yield name, json.loads(value)
            except (OSError, HTTPException, ValueError) as error:
                raise Unreachable(f"the stream from {self.address} broke off: {error}") from error

    def _open(self, method: str, path: Sequence[str], query: Sequence[tuple[str, str]], body: bytes | None, kind: str) -> HTTPResponse:
        url = "/".join([f"{self.address}/api/v1/main", *(quote(part, safe="") for part in path)])
        url += f"?{urlencode(query)}" if query else ""
        request = urllib.request.Request(url, data=body, method=method)  # noqa: S310 -- its scheme was looked at
        request.add_unredirected_header("Authorization", f"Bearer {self._token}")
        if body is not None:
            request.add_header("Content-Type", kind)
        try:
            return self._opener.open(request, timeout=SECONDS)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            with error:
                _refuse(error, self.address)
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            raise Unreachable(f"{self.address} does not answer: {reason}") from error


def _from_file(name: str) -> str:
    if not name:
        return ""
    try:
        return Path(name).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Failed(f"the token's file {name} cannot be read") from error


def _refuse(error: urllib.error.HTTPError, address: str) -> NoReturn:
    if error.code == 401:
        raise Failed("the server does not accept this token: it may be over, or of another server", 401) from None
    if 300 <= error.code < 400:
        raise Failed(f"{address} sends elsewhere, to {error.headers.get('Location')}: name the final address", error.code) from None
    try:
        message = json.loads(error.read())["message"]
    except (ValueError, KeyError, TypeError, OSError):
        message = f"{address} answered {error.code} {error.reason}"
    raise Failed(str(message), error.code) from None


def _part(boundary: str, name: str, file_name: str | None, content: bytes) -> bytes:
    told = f'form-data; name="{_quoted(name)}"' + (f'; filename="{_quoted(file_name)}"' if file_name is not None else "")
    return f"--{boundary}\r\nContent-Disposition: {told}\r\n\r\n".encode() + content + b"\r\n"


def _quoted(text: str) -> str:
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def pairs(mapping: Mapping[str, str | bool | int | None]) -> list[tuple[str, str]]:
    """A query without what is None; booleans as `true` and `false`."""
    return [(key, str(value).lower() if isinstance(value, bool) else str(value)) for key, value in mapping.items() if value is not None]
