"""The address of a flow's webhook: it starts the flow without a login, by its key."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Router

from api import shapes
from api.doors import OPEN, nothing
from executions import webhooks
from ui.errors import KestraError

router = Router(tags=["executions"])
LARGEST = 10_000_000  # bytes of a body, which is kept with the execution
METHODS = ["POST", "PUT", "GET"]


@router.api_operation(
    METHODS, "/{namespace}/{flow_id}/{key}", auth=None, openapi_extra=OPEN, summary="Start a flow by its webhook", operation_id="webhook"
)
def webhook(request: HttpRequest, namespace: str, flow_id: str, key: str) -> Any:
    """The body, headers and query parameters are the flow's `trigger.body`, `trigger.headers` and `trigger.parameters`."""
    return _called(request, namespace, flow_id, key)


@router.api_operation(
    METHODS,
    "/{namespace}/{flow_id}/{key}/{path:rest}",
    auth=None,
    openapi_extra=OPEN,
    summary="Start a flow by its webhook, with a path",
    operation_id="webhook_with_path",
)
def webhook_with_path(request: HttpRequest, namespace: str, flow_id: str, key: str, rest: str) -> Any:
    """As without a path; what the caller puts there is theirs."""
    return _called(request, namespace, flow_id, key)


class TooLarge(KestraError):
    """A webhook takes 10 MB at most: what is larger belongs into a file that the flow fetches."""

    @property
    def status(self) -> int:
        """Content Too Large."""
        return 413


def _called(request: HttpRequest, namespace: str, flow_id: str, key: str) -> Any:
    """The execution; 204 where the conditions of the trigger do not hold."""
    if len(request.body) > LARGEST:
        raise TooLarge
    row = webhooks.call(
        namespace=namespace,
        flow_id=flow_id,
        key=key,
        raw=request.body,
        headers=request.headers,
        parameters={name: request.GET.getlist(name) for name in request.GET},
    )
    return nothing() if row is None else shapes.with_url(row, shapes.begun(row))
