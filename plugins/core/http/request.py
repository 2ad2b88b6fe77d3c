"""Ask an HTTP server and give its answer as outputs.

A status of 400 or more fails the task unless `allowFailed`, or `options.allowedResponseCodes`, says otherwise. The answer is read as text,
at most 10 MB of it; for files there is `io.kestra.plugin.core.http.Download`. With `encryptBody` it is kept encrypted.

```yaml
id: ask_an_api
namespace: company.team
tasks:
  - id: create
    type: io.kestra.plugin.core.http.Request
    uri: https://api.example.org/orders
    method: POST
    headers:
      Authorization: "Bearer {{ secret('API_TOKEN') }}"
    body: |
      {"customer": "{{ flow.namespace }}"}
    options:
      timeout:
        readIdleTimeout: PT30S
  - id: upload
    type: io.kestra.plugin.core.http.Request
    uri: https://api.example.org/files
    method: POST
    contentType: multipart/form-data
    formData:
      report: "{{ outputs.create.uri }}"
      table:
        name: table.csv
        content: "a,b"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask
from plugins.core.http._client import exchange, require_success
from plugins.core.http._options import HttpProperties


class Request(HttpProperties, RunnableTask):
    """Ask an HTTP server."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Request",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "uri": "The address that answered, after redirects.",
        "code": "The status.",
        "headers": "The headers, a list of values by name.",
        "body": "The answer as text.",
        "encryptedBody": "The answer, encrypted, in place of `body`.",
    }

    allow_failed: bool | Expression = Field(False, description="A status of 400 or more is no failure.")
    encrypt_body: bool = Field(False, description="Keep the answer encrypted, as `encryptedBody`.")

    def run(self, context: RunContext) -> Result:
        """One request, one answer."""
        reply = exchange(context, self)
        require_success(context, self, reply, self.allow_failed)
        body = {"encryptedBody": context.encrypt(reply.text())} if self.encrypt_body else {"body": reply.text()}
        return Result({"uri": reply.uri, "code": reply.code, "headers": reply.headers, **body})
