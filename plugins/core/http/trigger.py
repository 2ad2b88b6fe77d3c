"""Start the flow when an HTTP server gives a certain answer, asked every `interval`.

`responseCondition` decides; it sees `response.statusCode`, `response.body` (text) and `response.headers` (a list of values by name), and
is true of every status below 400 where it is left out. A status is never an error; no answer at all is one, which the log of the trigger
tells, and the next interval tries again.

In the execution `{{ trigger.body }}`, `{{ trigger.code }}`, `{{ trigger.headers }}` and `{{ trigger.uri }}` are the answer.

```yaml
id: when_ready
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "The service says {{ trigger.body }}"
triggers:
  - id: ready
    type: io.kestra.plugin.core.http.Trigger
    uri: https://api.example.org/jobs/42
    responseCondition: "{{ response.statusCode == 200 and fromJson(response.body).state == 'done' }}"
    interval: PT30S
    stopAfter:
      - SUCCESS
```
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import Field

from engine.expressions import truthy
from plugins.contract import PollingTrigger, RunContext, Text
from plugins.core.http._client import exchange
from plugins.core.http._options import HttpProperties


class Trigger(HttpProperties, PollingTrigger):
    """Start the flow when an HTTP server gives a certain answer."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.plugin.fs.http.Trigger",)
    outputs_schema: ClassVar[Mapping[str, str]] = {
        "uri": "The address that answered, after redirects.",
        "code": "The status.",
        "headers": "The headers, a list of values by name.",
        "body": "The answer as text.",
        "encryptedBody": "The answer, encrypted, in place of `body`.",
    }

    response_condition: Text = Field(
        "{{ response.statusCode < 400 }}", description="Expression over `response`; the flow starts where it is true."
    )
    encrypt_body: bool = Field(False, description="Keep the answer encrypted, as `encryptedBody`.")

    def evaluate(self, context: RunContext) -> Mapping[str, Any] | None:
        """Ask once; the answer where the condition is true of it."""
        reply = exchange(context, self)
        text = reply.text()
        known = {"response": {"statusCode": reply.code, "body": text, "headers": reply.headers}}
        if not truthy(context.render(self.response_condition, known)):
            context.log("DEBUG", f"Status {reply.code}: the condition is not true of it")
            return None
        body = {"encryptedBody": context.encrypt(text)} if self.encrypt_body else {"body": text}
        return {"uri": reply.uri, "code": reply.code, "headers": reply.headers, **body}
