"""What every HTTP type may be told about a request, in both spellings that Kestra has had."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from plugins.contract import Expression, Level, Schema, Text

Flag = bool | Expression
Number = int | Expression


class Timeouts(Schema):
    """How long to wait."""

    connect_timeout: Text | None = Field(None, description="Longest wait for a connection, ISO 8601; 10 seconds where absent.")
    read_idle_timeout: Text | None = Field(None, description="Longest silence of the server, ISO 8601; 5 minutes where absent.")


class Proxy(Schema):
    """A proxy between us and the server."""

    type: Literal["DIRECT", "HTTP", "SOCKS"] = Field("DIRECT", description="What kind of proxy; DIRECT is none.")
    address: Text | None = Field(None, description="Its host.")
    port: Number | None = Field(None, description="Its port.")
    username: Text | None = Field(None, description="Its user.")
    password: Text | None = Field(None, description="The password of that user.")


class Auth(Schema):
    """Who asks."""

    type: Literal["BASIC", "BEARER"] = Field(description="A user with a password, or a token.")
    username: Text | None = Field(None, description="The user (BASIC).")
    password: Text | None = Field(None, description="The password (BASIC).")
    token: Text | None = Field(None, description="The token (BEARER).")


class SslOptions(Schema):
    """How a server is trusted."""

    insecure_trust_all_certificates: Flag | None = Field(None, description="Trust any certificate: only where nothing is at stake.")


class Options(Schema):
    """How the client behaves."""

    timeout: Timeouts | None = Field(None, description="How long to wait.")
    proxy: Proxy | None = Field(None, description="A proxy to go through.")
    auth: Auth | None = Field(None, description="Who asks.")
    ssl: SslOptions | None = Field(None, description="How the server is trusted.")
    allow_failed: Flag = Field(False, description="A status of 400 or more is no failure.")
    allowed_response_codes: list[Number] | Expression | None = Field(None, description="Statuses of 400 or more that are no failure.")
    follow_redirects: Flag = Field(True, description="Go where a redirect leads. What `headers` hold stays with the first server.")
    default_charset: Text = Field("UTF-8", description="Encoding of texts that say none.")
    max_content_length: Number | None = Field(None, description="Longest answer in bytes; 10 MB, or what a file may have for a download.")
    connect_timeout: Text | None = Field(None, description="Older spelling of `timeout.connectTimeout`.")
    read_timeout: Text | None = Field(None, description="Older spelling of `timeout.readIdleTimeout`.")
    read_idle_timeout: Text | None = Field(None, description="Older spelling of `timeout.readIdleTimeout`.")
    connection_pool_idle_timeout: Text | None = Field(None, description="Accepted; a connection ends with its request.")
    proxy_type: Literal["DIRECT", "HTTP", "SOCKS"] | None = Field(None, description="Older spelling of `proxy.type`.")
    proxy_address: Text | None = Field(None, description="Older spelling of `proxy.address`.")
    proxy_port: Number | None = Field(None, description="Older spelling of `proxy.port`.")
    proxy_username: Text | None = Field(None, description="Older spelling of `proxy.username`.")
    proxy_password: Text | None = Field(None, description="Older spelling of `proxy.password`.")
    basic_auth_user: Text | None = Field(None, description="Older spelling of `auth.username`.")
    basic_auth_password: Text | None = Field(None, description="Older spelling of `auth.password`.")
    log_level: Level | None = Field(
        None, description="Accepted; what is asked and answered is logged at DEBUG, without headers and bodies."
    )
    logs: list[str] | None = Field(None, description="Accepted, as `logLevel`.")


class HttpProperties(Schema):
    """A request."""

    uri: Text = Field(description="Address to ask, with http or https.")
    method: Text = Field("GET", description="GET, POST, PUT…")
    params: dict[str, Any] | Expression | None = Field(None, description="Query parameters, added to those of the address.")
    body: Text | None = Field(None, description="Text to send.")
    form_data: dict[str, Any] | Expression | None = Field(
        None,
        description="Form to send, url-encoded, or with the content type `multipart/form-data` in parts: a `kestra://` URI as a file, "
        "a map of `name` and `content` as a file of that name.",
    )
    content_type: Text | None = Field(None, description="Type of what is sent; `application/json` for a body where absent.")
    headers: dict[str, Any] | Expression | None = Field(None, description="Headers to send.")
    options: Options | None = Field(None, description="How the client behaves: timeouts, proxy, limits, authentication.")
    ssl_options: SslOptions | None = Field(None, description="How the server is trusted.")
