"""Two people in the files of a namespace see each other, and what the other saves, as far as they may."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from pytest_django import Settings

from executions.consumers import HIDDEN, UNKNOWN
from namespaces.models import User
from tests import builders
from workspace import consumers, presence
from workspace.routing import websocket_urlpatterns

pytestmark = pytest.mark.django_db(transaction=True)
NS = "company.team"
AT = f"/ws/workspace/{NS}/"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path


def people() -> tuple[User, User]:
    """Ada and Bob, who may change the files."""
    found = builders.person("ada"), builders.person("bob")
    for person in found:
        builders.member(person)
    return found


def socket(user: Any, path: str = AT) -> WebsocketCommunicator:
    application = URLRouter(websocket_urlpatterns)

    async def signed(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await application({**scope, "user": user}, receive, send)

    return WebsocketCommunicator(signed, path)


async def opened(user: Any, path: str = AT) -> WebsocketCommunicator:
    found = socket(user, path)
    await found.connect()
    return found


async def told(page: WebsocketCommunicator, wanted: Any, kind: str = "presence") -> Any:
    """What the page is told, as soon as it is what is waited for."""
    async with asyncio.timeout(10):
        while True:
            for message in (await page.receive_json_from(10))["messages"]:
                if message["type"] == kind and wanted(message):
                    return message


def has(**values: Any) -> Any:
    """Whether the only other one is so."""
    return lambda message: len(message["people"]) == 1 and values.items() <= message["people"][0].items()


def alone(message: Any) -> bool:
    return message["people"] == []


async def test_two_people_in_one_file_see_each_other_until_one_leaves() -> None:
    ada, bob = await database_sync_to_async(people)()
    first = await opened(ada)
    await told(first, alone)
    await first.send_json_to({"type": "here", "path": "/models/a.sql", "typing": True})
    second = await opened(bob)
    await told(second, has(id=ada.pk, name="Ada", path="models/a.sql", typing=True, same=True, me=False))
    await told(first, has(name="Bob", path=""))
    await second.send_json_to({"type": "here", "path": "models/a.sql", "typing": False})
    await told(first, has(name="Bob", path="models/a.sql", typing=False))
    await second.disconnect()
    await told(first, alone)
    await first.disconnect()


async def test_a_branch_is_a_place_of_its_own_where_each_has_a_copy() -> None:
    ada, bob = await database_sync_to_async(people)()
    first, second, elsewhere = await opened(ada, f"{AT}?branch=dev"), await opened(bob, f"{AT}?branch=dev"), await opened(bob)
    await told(second, has(name="Ada", same=False))
    window = await opened(ada, f"{AT}?branch=dev")
    await told(window, lambda message: [(one["me"], one["same"]) for one in message["people"]] == [(True, True), (False, False)])
    assert alone((await elsewhere.receive_json_from(5))["messages"][-1])
    assert await elsewhere.receive_nothing(0.5)
    for page in (first, second, window, elsewhere):
        await page.disconnect()


async def test_who_saw_the_file_hears_that_it_was_saved() -> None:
    ada, bob = await database_sync_to_async(people)()
    page = await opened(bob)
    client = Client()
    await database_sync_to_async(client.force_login)(ada)
    values = {"path": "a.sql", "base": "", "text": "select 1"}
    answer = await database_sync_to_async(client.post)(f"/workspace/{NS}/save/", values, content_type="application/json")
    saved = await told(page, lambda message: True, "file.saved")
    assert saved == {"type": "file.saved", "path": "a.sql", "base": answer.json()["base"], "name": "Ada", "me": False}
    await page.disconnect()


async def test_a_page_whose_server_died_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "HEARTBEAT", 0.1)
    monkeypatch.setattr(consumers, "FORGOTTEN", 1.0)
    ada, bob = await database_sync_to_async(people)()
    page = await opened(ada)
    last = {"type": "person.here", "socket": "gone", "person": bob.pk, "name": "Bob", "copy": "_files", "path": "", "typing": False}
    layer = get_channel_layer()
    assert layer is not None
    await layer.group_send(presence.group(NS, ""), {**last, "asks": True})
    await told(page, has(name="Bob"))
    await told(page, alone)
    await page.disconnect()


async def test_who_may_not_see_the_files_sees_nobody() -> None:
    everybody = await database_sync_to_async(builders.people)()
    refused = {"stranger": HIDDEN, "nobody": UNKNOWN}
    for name in ("reader", "stranger", "nobody"):
        page = socket(everybody.get(name, AnonymousUser()))
        await page.connect()
        message = await page.receive_output(5)
        assert message.get("code") == refused.get(name)
        await page.disconnect()
    page = await opened(everybody["reader"], f"{AT}?branch=main")
    assert (await page.receive_output(5))["code"] == HIDDEN  # only members have copies of branches


WRONG: list[Any] = [None, [], "x", {}, {"type": "here"}, {"type": "here", "path": 1}, {"type": "here", "path": "../x", "typing": 1}]


@pytest.mark.parametrize("message", WRONG)
async def test_whatever_a_page_says_its_socket_stays_open(message: Any) -> None:
    ada, bob = await database_sync_to_async(people)()
    page, other = await opened(ada), await opened(bob)
    await page.send_json_to(message)
    await page.send_json_to({"type": "here", "path": "a.sql", "typing": False})
    await told(other, has(path="a.sql", typing=False))
    await page.disconnect()
    await other.disconnect()
