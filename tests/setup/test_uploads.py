"""How much may be sent at once, and what is sent without saying how much it is."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from executions.models import Execution
from flows import services
from kestra_web.asgi import application
from namespaces.services import tokens
from tests import builders

FLOW = """id: takes
namespace: company.team
inputs: [{id: who, type: STRING, defaults: nobody}]
tasks: [{id: a, type: io.kestra.plugin.core.log.Log, message: m}]
"""
START = "/api/v1/executions/company.team/takes"
FORM = b'--X\r\nContent-Disposition: form-data; name="who"\r\n\r\nsomebody\r\n--X--\r\n'


@pytest.fixture
def token(transactional_db: None, settings: Settings, tmp_path: Path) -> str:
    settings.KESTRA_STORAGE = tmp_path
    people = builders.people()
    services.create(user=people["owner"], source=FLOW)
    return tokens.create(user=people["member"], name="test")[1]


async def sent_in_chunks(path: str, headers: dict[str, str], chunks: list[bytes]) -> tuple[int, Any]:
    """The status and answer to a request that does not say its length."""
    incoming = [{"type": "http.request", "body": chunk, "more_body": True} for chunk in chunks] + [{"type": "http.request", "body": b""}]
    told: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if incoming:
            return incoming.pop(0)
        return await asyncio.Event().wait()  # type: ignore[return-value] -- it stays connected

    async def send(message: Any) -> None:
        told.append(message)

    scope = {
        "type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
        "http_version": "1.1", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8080), "asgi": {"version": "3.0"},
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }  # fmt: skip
    await application(scope, receive, send)
    return told[0]["status"], json.loads(b"".join(one.get("body", b"") for one in told[1:]))


def test_a_form_sent_in_chunks_is_read(token: str) -> None:
    headers = {"authorization": f"Bearer {token}", "content-type": "multipart/form-data; boundary=X", "transfer-encoding": "chunked"}
    status, told = async_to_sync(sent_in_chunks)(START, headers, [FORM[:30], FORM[30:]])
    assert (status, told["inputs"]) == (200, {"who": "somebody"})


def test_what_is_too_large_is_refused_however_it_is_sent(token: str, settings: Settings) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "upload_bytes": 1000}
    headers = {"authorization": f"Bearer {token}", "content-type": "multipart/form-data; boundary=X", "transfer-encoding": "chunked"}
    status, told = async_to_sync(sent_in_chunks)(START, headers, [b"x" * 600, b"x" * 600])
    assert (status, told["message"]) == (413, "At most 1.0\xa0kB can be sent at once, as the setting KESTRA_WEB_MAX_UPLOAD says")
    large = {"files": SimpleUploadedFile("who", b"x" * 2000)}
    answer = Client(headers={"Authorization": f"Bearer {token}"}).post(START, large)
    assert answer.status_code == 413
    assert Execution.objects.count() == 0


def test_a_page_tells_it_too(client: Client, db: None, settings: Settings) -> None:
    settings.KESTRA_LIMITS = {**settings.KESTRA_LIMITS, "upload_bytes": 1000}
    answer = client.post("/signin/", {"email": "x" * 2000})
    assert (answer.status_code, "This is too large" in answer.content.decode()) == (413, True)
