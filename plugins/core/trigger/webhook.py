"""Start the flow by an HTTP request.

The address is `/api/v1/executions/webhook/{namespace}/{flow}/{key}`, by POST, PUT or GET. Nobody has to sign in: who knows the key may
start the flow, so choose one that cannot be guessed, or keep it as a secret.

Inside the execution `{{ trigger.body }}` is the body (read as JSON where it is), `{{ trigger.headers }}` and `{{ trigger.parameters }}`
hold lists of texts by name.

```yaml
id: on_push
namespace: company.team
tasks:
  - id: tell
    type: io.kestra.plugin.core.log.Log
    message: "Called with {{ trigger.body }}"
triggers:
  - id: called
    type: io.kestra.plugin.core.trigger.Webhook
    key: 4wjtkzwVGBM9yKnjm3yv8r
```
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from plugins.contract import BaseTrigger, Text


class Webhook(BaseTrigger):
    """Start the flow by an HTTP request."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Webhook",)

    key: Annotated[Text, StringConstraints(min_length=1, max_length=256)] = Field(
        description="The last part of the address; an expression such as `{{ secret('HOOK_KEY') }}` is rendered."
    )
