"""Start the flow by an HTTP request.

The address is `/api/v1/executions/webhook/{namespace}/{flow}/{key}`, by POST, PUT or GET. Nobody has to sign in: who knows the key may
start the flow, so choose one that cannot be guessed, or keep it as a secret.

Inside the execution `{{ trigger.body }}` is the body (read as JSON where it is), `{{ trigger.headers }}` and `{{ trigger.parameters }}`
hold lists of texts by name.

`signature` (of ours) lets only those in who sign what they send with a secret that both sides know, as Git hosts do: nobody can make up a
push then, though the address is known. What comes without the right signature is answered with 401 and starts nothing.

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
    signature:
      type: GITHUB
      secret: "{{ secret('HOOK_SECRET') }}"
```
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from plugins.contract import BaseTrigger, Schema, Text

# Where each host says who it is; all but GitLab, which sends the secret itself, sign the bytes of the body with HMAC-SHA256.
# https://docs.github.com/webhooks, https://docs.gitlab.com/user/project/integrations/webhooks, https://docs.gitea.com/usage/webhooks,
# https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks
SIGNED = {"GITHUB": "X-Hub-Signature-256", "GITEA": "X-Gitea-Signature", "BITBUCKET": "X-Hub-Signature", "GITLAB": "X-Gitlab-Token"}


class Signature(Schema):
    """How the sender proves to know the secret."""

    type: Literal["GITHUB", "GITLAB", "GITEA", "BITBUCKET"] = Field(description="Whose way of signing it is.")
    secret: Annotated[Text, StringConstraints(min_length=1)] = Field(
        description="What was given to the host as the secret of the webhook (GitLab: its secret token); an expression is rendered."
    )


def signed(type_: str, secret: str, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a request proves to know the secret; `headers` are looked up as they are given, so let them ignore case."""
    given = headers.get(SIGNED[type_]) or ""
    if type_ == "GITLAB":
        return hmac.compare_digest(secret.encode(), given.encode())
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), given.removeprefix("sha256=").lower().encode())


class Webhook(BaseTrigger):
    """Start the flow by an HTTP request."""

    aliases: ClassVar[tuple[str, ...]] = ("io.kestra.core.models.triggers.types.Webhook",)

    key: Annotated[Text, StringConstraints(min_length=1, max_length=256)] = Field(
        description="The last part of the address; an expression such as `{{ secret('HOOK_KEY') }}` is rendered."
    )
    signature: Signature | None = Field(None, description="Let only requests in that are signed with a secret.")
