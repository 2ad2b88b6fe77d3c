"""Download a file into internal storage.

The file is named as the server says (`Content-Disposition`), else by the end of the address. An empty answer fails the task unless
`failOnEmptyResponse` is `false`; so does one that ends too early.

```yaml
id: download_a_file
namespace: company.team
tasks:
  - id: get
    type: io.kestra.plugin.core.http.Download
    uri: https://data.example.org/orders.csv
  - id: size
    type: io.kestra.plugin.core.log.Log
    message: "{{ outputs.get.length }} bytes in {{ outputs.get.uri }}"
```
"""

from __future__ import annotations

from collections.abc import Mapping
from email.message import Message
from pathlib import PurePosixPath
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from pydantic import Field

from plugins.contract import Expression, Result, RunContext, RunnableTask, TaskFailed, Text
from plugins.core.http._client import Reply, exchange, require_success
from plugins.core.http._options import HttpProperties
from plugins.scripts import _render


class Download(HttpProperties, RunnableTask):
    """Download a file."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Download",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "uri": "The file.",
        "code": "The status.",
        "length": "Its size in bytes.",
        "headers": "The headers, a list of values by name.",
    }

    allow_failed: bool | Expression = Field(False, description="A status of 400 or more is no failure.")
    fail_on_empty_response: bool | Expression = Field(True, description="An empty answer is a failure.")
    save_as: Text | None = Field(None, description="Name of the file, in place of what the server says.")

    def run(self, context: RunContext) -> Result:
        """Write what comes into a file as it comes, then store it."""
        target = context.working_dir / f".download-{context.task_run_id}"
        try:
            reply = exchange(context, self, into=target)
            self._check(context, reply)
            name = context.render(self.save_as) if self.save_as else name_of(reply)
            uri = context.storage.put(target, name)
        finally:
            target.unlink(missing_ok=True)
        context.metric("response.length", reply.size)
        return Result({"uri": uri, "code": reply.code, "length": reply.size, "headers": reply.headers})

    def _check(self, context: RunContext, reply: Reply) -> None:
        require_success(context, self, reply, self.allow_failed)
        if reply.size == 0:
            if _render.flag(context, self.fail_on_empty_response):
                raise TaskFailed(f"No response from server: the answer with status {reply.code} is empty (`failOnEmptyResponse`)")
            context.log("WARN", "The answer is empty")


def name_of(reply: Reply) -> str:
    """What a downloaded file is called: as the server says, else as the end of the address, never with a folder."""
    message = Message()
    message["content-disposition"] = reply.header("content-disposition") or ""
    given = message.get_filename() or unquote(urlsplit(reply.uri).path)
    return PurePosixPath(given.replace("\\", "/")).name or "download"
