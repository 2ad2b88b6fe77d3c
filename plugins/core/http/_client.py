"""Sends a request as a task or trigger describes it, and reads the answer: into memory, or into a file.

Messages name the address without user, password and query, never a header or a body that was sent. What `headers` hold, and the
authentication, go to the server that was asked for and not where its redirects lead. The environment's proxies are not looked at.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import certifi
import httpx

from plugins.contract import RunContext, TaskFailed
from plugins.core.http._body import carried
from plugins.core.http._options import HttpProperties, Options, SslOptions
from plugins.scripts import _render

CONNECT_SECONDS, SILENCE_SECONDS = 10.0, 300.0
MOST_BYTES = 10 * 1024 * 1024
MOST_REDIRECTS = 20
SHOWN = 2000  # characters of an answer that a message quotes
NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
TRAVELLING = re.compile(r"accept.*|content-.*|transfer-encoding|user-agent|host|connection|range|if-.*", re.IGNORECASE)

# They log whole addresses, in which tokens may stand.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered; `content` is empty where it went into a file, `size` counts its bytes either way."""

    uri: str
    code: int
    headers: Mapping[str, list[str]]
    content: bytes
    size: int
    charset: str

    def text(self) -> str:
        """The content as text; raises TaskFailed where it is none."""
        try:
            return self.content.decode(self.charset)
        except UnicodeDecodeError as error:
            raise TaskFailed(
                f"The answer is no text in {self.charset}: use the task type io.kestra.plugin.core.http.Download for files"
            ) from error

    def header(self, name: str) -> str | None:
        """The last value of a header, whatever the case of its name."""
        found = [values[-1] for key, values in self.headers.items() if key.lower() == name.lower()]
        return found[-1] if found else None


class NoAnswer(TaskFailed):
    """No server answered. `began` tells whether one may have got the request all the same."""

    def __init__(self, message: str, *, began: bool) -> None:
        super().__init__(message)
        self.began = began


def exchange(context: RunContext, request: HttpProperties, *, into: Path | None = None) -> Reply:
    """Send the request and read the answer, into the file `into` or into memory; any status is an answer.

    Raises TaskFailed where there is none, and once the task is stopped.
    """
    options = request.options or Options.model_validate({})
    charset = _charset(context.render(options.default_charset))
    method, address = _method(context, request), _address(context, request.uri)

    @contextlib.contextmanager
    def built(client: httpx.Client, extensions: dict[str, Any]) -> Iterator[httpx.Request]:
        with carried(context, request, charset) as body:
            headers = [*_pairs({**body.pop("headers", {})}), *_pairs(_headers(context, request))]
            params = _params(context, request, address)
            yield client.build_request(method, address, headers=_unique(headers), params=params, extensions=extensions, **body)

    client = partial(_client, context, options, address, request.ssl_options)
    return _exchanged(context, options, f"{method} {_shown(address)}", client, built, into, charset)


def ask(
    context: RunContext, method: str, address: str, *, token: str, body: Any = None, options: Options | None = None, last: bool = False
) -> Reply:
    """Ask an API that the task type knows: `address` and `token`, which is hidden, are rendered already; `body` is sent as JSON.

    Any status is an answer. Raises NoAnswer where there is none, and TaskFailed once the task is stopped, unless this is the `last` that
    it asks, which is asked all the same.
    """
    options = options or Options.model_validate({})
    context.hide(token)
    url = _read_address(context, address)

    @contextlib.contextmanager
    def built(client: httpx.Client, extensions: dict[str, Any]) -> Iterator[httpx.Request]:
        headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
        yield client.build_request(method, url, headers=headers, extensions=extensions, **({} if body is None else {"json": body}))

    client = partial(_client, context, options, url, None)
    return _exchanged(context, options, f"{method} {_shown(url)}", client, built, None, "utf-8", last=last)


_Built = Callable[[httpx.Client, dict[str, Any]], contextlib.AbstractContextManager[httpx.Request]]


def _exchanged(
    context: RunContext,
    options: Options,
    told: str,
    connect: Callable[[], httpx.Client],
    built: _Built,
    into: Path | None,
    charset: str,
    *,
    last: bool = False,
) -> Reply:
    lifeline = _Lifeline()
    stopping = contextlib.nullcontext() if last else context.on_cancel(lifeline.cut)
    try:
        with (
            connect() as client,
            built(client, lifeline.extensions) as asked,
            stopping,
            contextlib.closing(client.send(asked, stream=True)) as response,
        ):
            reply = _read(context, options, response, into, charset)
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, UnicodeError, OverflowError) as error:
        if context.cancelled() and not last:
            raise TaskFailed(f"{told} was stopped", state="KILLED", retryable=False) from None
        began = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        # The cause may hold what must not be told.
        raise NoAnswer(f"{told} failed: {_reason(error)}", began=began) from None
    context.log("DEBUG", f"{told}: status {reply.code}, {reply.size} bytes")
    return reply


def require_success(context: RunContext, request: HttpProperties, reply: Reply, allow_failed: bool | str) -> None:
    """Raises TaskFailed for a status of 400 or more that is not allowed."""
    options = request.options or Options.model_validate({})
    if reply.code < 400 or _render.flag(context, allow_failed) or _render.flag(context, options.allow_failed):
        return
    if str(reply.code) in _render.texts(context, _as_texts(options.allowed_response_codes)):
        return
    answer = reply.content.decode(reply.charset, errors="replace").strip()
    body = f" and body:\n{answer[:SHOWN]}{'…' if len(answer) > SHOWN else ''}" if answer else ""
    raise TaskFailed(f"{_method(context, request)} {_shown(httpx.URL(reply.uri))} failed with response code '{reply.code}'{body}")


def _as_texts(value: list[int | str] | str | None) -> list[str] | str | None:
    return [str(item) for item in value] if isinstance(value, list) else value


# --- what is asked


def _method(context: RunContext, request: HttpProperties) -> str:
    method = context.render(request.method).strip().upper()
    if not NAME.fullmatch(method):
        raise TaskFailed("`method` must be one word, such as GET", retryable=False)
    return method


def _address(context: RunContext, uri: str) -> httpx.URL:
    return _read_address(context, context.render(uri))


def _read_address(context: RunContext, text: str) -> httpx.URL:
    try:
        address = httpx.URL(text.strip())
        host = address.host  # a host name that is none shows here
    except (httpx.InvalidURL, UnicodeError):
        raise TaskFailed("The address cannot be read: expected one such as https://example.org/path", retryable=False) from None
    if address.scheme not in ("http", "https") or not host:
        raise TaskFailed(f"Expected an address that begins with http:// or https://, found {_shown(address)[:200]}", retryable=False)
    if address.password:
        context.hide(unquote(address.password))
    return address


def _shown(address: httpx.URL) -> str:
    return str(address.copy_with(userinfo=b"", query=None, fragment=None))


def _params(context: RunContext, request: HttpProperties, address: httpx.URL) -> httpx.QueryParams | None:
    given = _mapping(context, request.params, "params")
    if not given:
        return None  # httpx replaces the query of the address by whatever is not None
    more = [(name, _render.as_text(item)) for name, value in given.items() for item in (value if isinstance(value, list) else [value])]
    return httpx.QueryParams([*address.params.multi_items(), *more])


def _headers(context: RunContext, request: HttpProperties) -> dict[str, Any]:
    return _mapping(context, request.headers, "headers")


def _mapping(context: RunContext, value: Mapping[str, Any] | str | None, name: str) -> dict[str, Any]:
    if value is None:
        return {}
    if isinstance(value, str):
        return dict(_render.mapping(context, value, name))
    return {str(key): item for key, item in context.render_any(dict(value)).items() if item is not None}


def _pairs(headers: Mapping[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    for name, given in headers.items():
        for value in given if isinstance(given, list) else [given]:
            text = _render.as_text(value).strip()
            if not NAME.fullmatch(name):
                raise TaskFailed(f"`{name[:80]}` cannot be the name of a header", retryable=False)
            if re.search(r"[\r\n\0]", text):
                raise TaskFailed(f"The header `{name}` has a line break in its value, which HTTP cannot carry", retryable=False)
            yield name.encode(), text.encode()


def _unique(pairs: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Only the last content type: the flow's own header wins over what comes of the body."""
    types = [pair for pair in pairs if pair[0].lower() == b"content-type"]
    return [pair for pair in pairs if pair[0].lower() != b"content-type"] + types[-1:]


# --- how it is asked


def _client(context: RunContext, options: Options, address: httpx.URL, ssl_options: SslOptions | None) -> httpx.Client:
    return httpx.Client(
        auth=_auth(context, options),
        headers={"user-agent": "kestra-web"},
        verify=_trust(context, ssl_options, options.ssl),
        timeout=_timeout(context, options),
        proxy=_proxy(context, options),
        follow_redirects=_render.flag(context, options.follow_redirects),
        max_redirects=MOST_REDIRECTS,
        trust_env=False,
        event_hooks={"request": [lambda hop: _leave_at_home(hop, address)]},
    )


def _leave_at_home(hop: httpx.Request, first: httpx.URL) -> None:
    """On the way to another server, take off every header that might prove who we are."""
    asked, place = (first.scheme, first.host, first.port), (hop.url.scheme, hop.url.host, hop.url.port)
    made_safe = asked == ("http", first.host, None) and place == ("https", first.host, None)
    if place != asked and not made_safe:
        for name in [name for name in hop.headers if not TRAVELLING.fullmatch(name)]:
            del hop.headers[name]


def _auth(context: RunContext, options: Options) -> httpx.Auth | Callable[[httpx.Request], httpx.Request] | None:
    auth = options.auth
    if auth is not None and auth.type == "BEARER":
        token = _hidden(context, auth.token)

        def bear(request: httpx.Request) -> httpx.Request:
            request.headers["authorization"] = f"Bearer {token}"
            return request

        return bear
    user = auth.username if auth is not None else options.basic_auth_user
    if user is None:
        return None
    return httpx.BasicAuth(context.render(user), _hidden(context, auth.password if auth is not None else options.basic_auth_password))


def _hidden(context: RunContext, text: str | None) -> str:
    clear = context.render(text) if text else ""
    if clear:
        context.hide(clear)
    return clear


def _proxy(context: RunContext, options: Options) -> httpx.Proxy | None:
    proxy = options.proxy
    kind = proxy.type if proxy else options.proxy_type or "DIRECT"
    if kind == "DIRECT":
        return None
    host, port = (proxy.address, proxy.port) if proxy else (options.proxy_address, options.proxy_port)
    if not host:
        raise TaskFailed("A proxy needs an address", retryable=False)
    user, password = (proxy.username, proxy.password) if proxy else (options.proxy_username, options.proxy_password)
    scheme = "socks5" if kind == "SOCKS" else "http"
    place = f"{scheme}://{context.render(host)}:{whole(context, port, 'port') or (1080 if kind == 'SOCKS' else 8080)}"
    try:
        return httpx.Proxy(place, auth=(context.render(user), _hidden(context, password)) if user else None)
    except (ValueError, httpx.InvalidURL) as error:
        raise TaskFailed(f"The proxy's address cannot be read: {place}", retryable=False) from error


def _timeout(context: RunContext, options: Options) -> httpx.Timeout:
    given = options.timeout
    connect = (given and given.connect_timeout) or options.connect_timeout
    silence = (given and given.read_idle_timeout) or options.read_timeout or options.read_idle_timeout
    read = _render.seconds(context, silence) or SILENCE_SECONDS
    return httpx.Timeout(read, connect=_render.seconds(context, connect) or CONNECT_SECONDS)


def _trust(context: RunContext, *options: SslOptions | None) -> ssl.SSLContext:
    return _certificates(any(each is not None and _render.flag(context, each.insecure_trust_all_certificates) for each in options))


@cache
def _certificates(anything: bool) -> ssl.SSLContext:
    """The authorities of this machine and those of Mozilla; reading them takes long enough to do it once."""
    trust = ssl.create_default_context(cafile=certifi.where())
    trust.load_default_certs()
    if anything:
        trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    return trust


def whole(context: RunContext, value: int | str | None, name: str) -> int | None:
    """A whole number that may be an expression; TaskFailed where it is none."""
    if value is None or isinstance(value, int):
        return value
    text = context.render(value).strip()
    if not text.isdecimal():
        raise TaskFailed(f"`{name}` must be a whole number, found {text[:40]!r}", retryable=False)
    return int(text)


class _Lifeline:
    """Ends a request from another thread, whether it waits for an answer or reads one: by shutting its connections down."""

    def __init__(self) -> None:
        self._sockets: list[socket.socket] = []
        self._over = False
        self.extensions = {"trace": self._trace}

    def _trace(self, event: str, details: Mapping[str, Any]) -> None:
        if event.endswith(("connect_tcp.complete", "start_tls.complete", "connect_socks.complete")):
            connection = details["return_value"].get_extra_info("socket")
            if connection is not None:
                self._sockets.append(connection)
            if self._over:
                self.cut()

    def cut(self) -> None:
        """Shut down what is open, and what opens from now on."""
        self._over = True
        for connection in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)  # of a TLS one the connection itself: its reader is in another thread


# --- what is answered


def _read(context: RunContext, options: Options, response: httpx.Response, into: Path | None, charset: str) -> Reply:
    limit = whole(context, options.max_content_length, "maxContentLength")
    if limit is None:
        limit = MOST_BYTES if into is None else context.settings.file_limit
    pieces: list[bytes] = []
    size = 0
    with into.open("wb") if into is not None else contextlib.nullcontext() as file:
        for piece in response.iter_bytes(64 * 1024):
            size += len(piece)
            if size > limit:
                raise TaskFailed(f"The answer has more than the {limit} bytes that `options.maxContentLength` allows", retryable=False)
            if file is None:
                pieces.append(piece)
            else:
                file.write(piece)
    headers: dict[str, list[str]] = {}
    for name, value in response.headers.raw:
        headers.setdefault(name.decode("ascii", "replace"), []).append(value.decode("utf-8", "replace"))
    uri = str(response.request.url.copy_with(userinfo=b""))
    return Reply(uri, response.status_code, headers, b"".join(pieces), size, _charset(response.charset_encoding or charset))


def _charset(name: str) -> str:
    try:
        return codecs.lookup(name).name
    except LookupError:
        return "utf-8"


def _reason(error: Exception) -> str:
    """Why there is no answer, without anything of what was sent."""
    words: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.ReadTimeout: "the server was silent for too long (`options.timeout.readIdleTimeout`)",
        httpx.WriteTimeout: "the server did not take what was sent in time",
        httpx.TooManyRedirects: f"more than {MOST_REDIRECTS} redirects",
        httpx.UnsupportedProtocol: "a redirect leads to something else than http or https",
        httpx.DecodingError: "the answer's compression cannot be read",
        httpx.LocalProtocolError: "HTTP cannot carry what was to be sent",
        httpx.InvalidURL: "the address cannot be read",
        UnicodeError: "there is a character that cannot be sent, or a host name that cannot be",
        OverflowError: "a time limit or a port is out of range",
    }
    known = next((text for kind, text in words.items() if isinstance(error, kind)), None)
    return known or str(error)[:500] or type(error).__name__
