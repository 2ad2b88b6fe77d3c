"""Streams of an execution: they end as soon as whoever reads may no longer."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from channels.db import database_sync_to_async
from django.test import AsyncClient
from django.utils import timezone

from api import streams
from api.docs import ROOT
from executions.models import Execution
from namespaces.models import ApiToken, Member, User
from namespaces.services import people as people_service
from namespaces.services import tokens
from tests import builders
from tests.executions import page_data

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "a-long-enough-password"


def _no_longer_member(user: User) -> None:
    Member.objects.filter(user=user).delete()


def _disabled(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _revoked(user: User) -> None:
    ApiToken.objects.filter(user=user).update(revoked=timezone.now())


def _over(user: User) -> None:
    ApiToken.objects.filter(user=user).update(expires=timezone.now())


def _other_password(user: User) -> None:
    people_service.change_password(user=User.objects.get(pk=user.pk), present=PASSWORD, new="another-long-password")


@database_sync_to_async
def _reader() -> tuple[User, Execution, str]:
    user = builders.people()["reader"]
    user.set_password(PASSWORD)
    user.save()
    row = page_data.execution("RUNNING")
    page_data.log_lines(row, [(2, "hello")])
    return user, row, tokens.create(user=user, name="test")[1]


async def _asked(path: str, user: User, token: str, how: str) -> AsyncIterator[bytes]:
    """The events of a stream that someone asks for."""
    client, headers = AsyncClient(), {}
    if how == "session":
        await client.aforce_login(user)
    else:
        basic = base64.b64encode(f"{user.email}:{PASSWORD}".encode()).decode()
        headers = {"Authorization": f"Bearer {token}" if how == "token" else f"Basic {basic}"}
    response: Any = await client.get(path, headers=headers)
    assert response.status_code == 200
    return aiter(response)


async def _next(events: AsyncIterator[bytes]) -> bytes:
    return await asyncio.wait_for(anext(events), 5)


async def _until_its_end(events: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async with asyncio.timeout(5):
        async for event in events:
            yield event


@pytest.mark.parametrize("path", ["logs/{}/follow", "executions/{}/follow"])
@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("token", _no_longer_member), ("token", _disabled), ("token", _revoked), ("token", _over),
        ("session", _no_longer_member), ("session", _disabled), ("session", _other_password), ("basic", _other_password),
    ],
)  # fmt: skip
async def test_a_stream_ends_with_the_right_to_read_it(
    path: str, how: str, change: Callable[[User], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.2)
    user, row, token = await _reader()
    events = await _asked(ROOT + path.format(row.id), user, token, how)
    assert (b"hello" if path.startswith("logs") else b"RUNNING") in await _next(events)
    await database_sync_to_async(change)(user)
    await asyncio.sleep(0.3)
    await database_sync_to_async(page_data.log_lines)(row, [(2, "later")])
    assert b"later" not in b"".join([event async for event in _until_its_end(events)])


@pytest.mark.parametrize("how", ["token", "session", "basic"])
async def test_a_stream_goes_on_for_who_may_read_it(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "RECHECK_SECONDS", 0.05)
    user, row, token = await _reader()
    events = await _asked(f"{ROOT}logs/{row.id}/follow", user, token, how)
    assert b"hello" in await _next(events)
    await asyncio.sleep(0.3)
    await database_sync_to_async(page_data.log_lines)(row, [(2, "later")])
    assert b"later" in await _next(events)
    await events.aclose()  # type: ignore[attr-defined]  # an asynchronous generator


async def test_a_stranger_hears_of_an_execution_what_is_said_of_one_that_does_not_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "WAIT_FOR_EXECUTION_SECONDS", 0.1)
    _, row, _ = await _reader()
    stranger = await database_sync_to_async(User.objects.get)(email="stranger@example.com")
    heard = []
    for execution_id in (row.id, "x" * len(row.id)):
        events = await _asked(f"{ROOT}executions/{execution_id}/follow", stranger, "", "session")
        heard.append(b"".join([event async for event in _until_its_end(events)]).replace(execution_id.encode(), b""))
    assert heard[0] == heard[1]
    assert b"was not found" in heard[0]
