"""Live pages: a page loaded before plus the messages equals the page loaded after; and a socket shows what the page may show."""

from __future__ import annotations

import asyncio
import random
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.test import Client
from django.urls import reverse

from executions import consumers, live, page_logs, publish
from executions.models import Execution, Step, TaskRun
from executions.routing import websocket_urlpatterns
from namespaces.models import Member, User
from tests import builders
from tests.executions import page_data as data

ROW = re.compile(r'<div role="row" class="gantt-row".*?</svg></div></div>', re.DOTALL)


@dataclass
class GanttPage:
    """What the module gantt.js does with rows, without a browser: rows are replaced by id or put among their siblings by position."""

    rows: list[str] = field(default_factory=list)

    @classmethod
    def load(cls, user: User, execution: Execution) -> GanttPage:
        client = Client()
        client.force_login(user)
        page = client.get(reverse("executions:gantt", args=[execution.id])).content.decode()
        return cls(ROW.findall(page))

    def take(self, message: live.Message) -> None:
        for row in message["rows"]:
            place = next((place for place, own in enumerate(self.rows) if identity(own) == identity(row)), None)
            if place is not None and attribute(self.rows[place], "data-parent") == attribute(row, "data-parent"):
                self.rows[place] = row
                continue
            if place is not None:
                del self.rows[place]
            self.insert(row)
        assert len(self.rows) == message["count"]

    def insert(self, row: str) -> None:
        level, position = int(attribute(row, "aria-level")), int(attribute(row, "data-position"))
        parent = next((place for place, own in enumerate(self.rows) if identity(own) == f"row-{attribute(row, 'data-parent')}"), None)
        at = 0 if parent is None else parent + 1
        while at < len(self.rows):
            other = int(attribute(self.rows[at], "aria-level"))
            if parent is not None and other <= int(attribute(self.rows[parent], "aria-level")):
                break
            if other == level and int(attribute(self.rows[at], "data-position")) > position:
                break
            at += 1
        self.rows.insert(at, row)

    @property
    def settled(self) -> list[str]:
        """The rows without what the page works out for itself: places on the axis, and which rows are folded away."""
        return [re.sub(r' (x|width)="[\d.]+%"| hidden', "", row.strip()) for row in self.rows]


def attribute(row: str, name: str) -> str:
    found = re.search(rf' {name}="([^"]*)"', row)
    return found[1] if found else ""


def identity(row: str) -> str:
    return attribute(row, "id")


def bump(execution: Execution) -> int:
    execution.seq += 1
    execution.save(update_fields=["seq"])
    return execution.seq


@pytest.fixture
def people(db: None) -> dict[str, User]:
    return builders.people()


@pytest.mark.parametrize("seed", range(8))
def test_the_gantt_loaded_before_plus_messages_equals_the_gantt_loaded_after(seed: int, people: dict[str, User]) -> None:
    chance = random.Random(seed)
    data.flow()
    execution = data.execution("RUNNING")
    page = GanttPage.load(people["reader"], execution)
    seen = live.Seen(execution.seq, 0)
    runs: list[TaskRun] = []
    for _ in range(30):
        for _ in range(chance.randint(1, 4)):
            something_happens(chance, execution, runs)
        messages, seen = live.updates(execution.id, people["reader"], "gantt", seen)
        for message in messages:
            if message["type"] == "gantt.changed":
                page.take(message)
    assert page.rows
    again = GanttPage.load(people["reader"], execution).settled
    assert [identity(row) for row in page.settled] == [identity(row) for row in again]
    assert page.settled == again


def something_happens(chance: random.Random, execution: Execution, runs: list[TaskRun]) -> None:
    """A task run begins or ends, or a model or a test does; what a test belongs to may become known only at its end."""
    seq = bump(execution)
    kind = chance.choice(["run", "end run", "model", "test", "test", "end step", "end step"])
    if kind == "run" or not runs:
        runs.append(data.task_run(execution, f"task{len(runs)}", "RUNNING", parent=chance.choice([None, *runs]), seq=seq))
        return
    run = chance.choice(runs)
    if kind == "end run":
        state = chance.choice(["SUCCESS", "FAILED", "WARNING"])
        run.state, run.histories, run.seq = state, [*run.histories, [state, data.at(30).isoformat()]], seq
        run.attempts = [{"number": 0, "histories": run.histories[1:]}]
        run.save()
    elif kind in ("model", "test"):
        name = f"{kind}.shop.n{Step.objects.filter(execution=execution).count()}"
        data.step(run, name, "RUNNING", kind=kind, start=chance.random() * 20, end=None, seq=seq)
    else:
        step = Step.objects.filter(execution=execution, state="RUNNING").order_by("?").first()
        if step is None:
            return
        step.state, step.ended, step.seq = chance.choice(["SUCCESS", "SUCCESS", "WARNING", "FAILED"]), data.at(25), seq
        model = Step.objects.filter(task_run_id=step.task_run_id, kind="model").order_by("?").first()
        if step.kind == "test" and model is not None:
            step.data = {"attached_node": model.name}
        step.save()


def test_nothing_is_said_when_nothing_is_newer(people: dict[str, User]) -> None:
    execution = data.execution()
    assert live.updates(execution.id, people["reader"], "gantt", live.Seen(execution.seq, 0)) == ([], live.Seen(1, 0))


def test_the_header_is_told_when_it_changes_and_not_with_each_step(people: dict[str, User]) -> None:
    execution = data.execution("RUNNING")
    run = data.task_run(execution, "dbt", "RUNNING", seq=bump(execution))
    seen, told = live.Seen(0, 0), []
    for number in range(6):
        if number == 3:
            execution.header = {"dbt": "already loaded (warm)"}
            execution.save()
        if number == 5:
            execution.version += 1
            execution.save()
        data.step(run, f"model.shop.n{number}", "RUNNING", kind="model", start=1, end=None, seq=bump(execution))
        messages, seen = live.updates(execution.id, people["reader"], "gantt", seen)
        told.append([message["type"] for message in messages if message["type"] != "seen"])
    assert told == [["execution.changed", "gantt.changed"] if number in (0, 3, 5) else ["gantt.changed"] for number in range(6)]


def test_new_lines_are_told_as_they_are_filtered(people: dict[str, User]) -> None:
    execution = data.execution("RUNNING")
    data.log_lines(execution, [(2, "one"), (4, "two"), (2, "three")])
    messages, seen = live.updates(execution.id, people["reader"], "logs", live.Seen(execution.seq, 0), page_logs.Filter(level=3))
    message = next(message for message in messages if message["type"] == "log.appended")
    assert re.findall(r'<li id="(L\d+)"', message["html"]) == ["L2"]
    assert (message["count"], message["total"], message["counts"]) == (1, 3, {"2": 2, "4": 1})
    assert seen.line == 3
    assert live.updates(execution.id, people["reader"], "logs", seen)[0] == []


def test_a_flood_of_lines_is_told_as_a_count(people: dict[str, User]) -> None:
    execution = data.execution("RUNNING")
    data.log_lines(execution, [(2, f"line {n}") for n in range(live.LINES + 1)])
    messages, _ = live.updates(execution.id, people["reader"], "logs", live.Seen(execution.seq, 0))
    assert messages[0]["gap"]
    assert messages[0]["html"] == ""


def test_a_deleted_execution_is_told(people: dict[str, User]) -> None:
    assert live.updates("gone", people["reader"], "gantt", live.Seen(0, 0))[0] == [{"type": "execution.deleted"}]


# --- sockets ------------------------------------------------------------------------------------------------------------------------


def socket(path: str, user: Any) -> WebsocketCommunicator:
    """A socket of our own routes, as the given person."""
    application = URLRouter(websocket_urlpatterns)

    async def signed(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await application({**scope, "user": user}, receive, send)

    return WebsocketCommunicator(signed, path)


async def refusal(path: str, user: Any) -> int | None:
    """The code with which a socket is closed, None if it stays open."""
    communicator = socket(path, user)
    await communicator.connect()
    if await communicator.receive_nothing(0.4):
        await communicator.disconnect()
        return None
    message = await communicator.receive_output(1)
    assert message["type"] == "websocket.close"
    return int(message["code"])


async def received(communicator: WebsocketCommunicator, kind: str, seconds: float = 5) -> dict[str, Any]:
    """The next message of a kind."""
    while True:
        batch = await communicator.receive_json_from(seconds)
        for message in batch["messages"]:
            if message["type"] == kind:
                return dict(message)


@pytest.mark.django_db(transaction=True)
async def test_the_socket_opens_for_those_who_see_the_page() -> None:
    people = await database_sync_to_async(builders.people)()
    execution = await database_sync_to_async(data.execution)()
    path = f"/ws/executions/{execution.id}/?seq=1"
    assert {name: await refusal(path, people[name]) for name in ("admin", "owner", "member", "reader")} == dict.fromkeys(
        ("admin", "owner", "member", "reader")
    )
    assert await refusal(path, people["stranger"]) == consumers.HIDDEN
    assert await refusal(path, AnonymousUser()) == consumers.UNKNOWN
    assert await refusal("/ws/executions/unheard/?seq=1", people["admin"]) == consumers.HIDDEN
    assert await refusal("/ws/home/", AnonymousUser()) == consumers.UNKNOWN
    assert await refusal("/ws/home/", people["stranger"]) is None


@pytest.mark.django_db(transaction=True)
async def test_a_page_that_missed_something_is_told_at_once() -> None:
    people = await database_sync_to_async(builders.people)()
    execution = await database_sync_to_async(data.execution)("RUNNING", seq=5)
    run = await database_sync_to_async(data.task_run)(execution, "late", seq=5)
    communicator = socket(f"/ws/executions/{execution.id}/?view=gantt&seq=2", people["reader"])
    await communicator.connect()
    message = await received(communicator, "gantt.changed")
    assert [identity(row) for row in message["rows"]] == [f"row-{run.id}"]
    await communicator.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_a_change_reaches_an_open_page_within_a_third_of_a_second() -> None:
    people = await database_sync_to_async(builders.people)()
    execution = await database_sync_to_async(data.execution)("RUNNING")
    communicator = socket(f"/ws/executions/{execution.id}/?view=logs&seq=1", people["reader"])
    await communicator.connect()

    def write(number: int) -> datetime:
        with transaction.atomic():
            execution.refresh_from_db()
            data.log_lines(execution, [(2, f"line {number}")])
            publish.logs_appended(execution.id, number, number)
        return datetime.now()

    waits = []
    for number in range(1, 11):
        written = await database_sync_to_async(write)(number)
        message = await received(communicator, "log.appended")
        waits.append((datetime.now() - written).total_seconds())
        assert f'id="L{number}"' in message["html"]
    assert sorted(waits)[8] < 0.3, waits
    await communicator.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_a_socket_closes_when_the_right_to_see_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK", 0.1)
    people = await database_sync_to_async(builders.people)()
    execution = await database_sync_to_async(data.execution)("RUNNING")
    communicator = socket(f"/ws/executions/{execution.id}/?view=gantt&seq=1", people["reader"])
    await communicator.connect()
    await database_sync_to_async(Member.objects.filter(user=people["reader"]).delete)()
    message = await communicator.receive_output(5)  # although nothing happens that it could tell
    assert (message["type"], message["code"]) == ("websocket.close", consumers.HIDDEN)
    await communicator.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_lists_hear_only_of_namespaces_that_one_may_see() -> None:
    people = await database_sync_to_async(builders.people)()
    own, other = await database_sync_to_async(data.execution)(namespace="elsewhere"), await database_sync_to_async(data.execution)()
    communicator = socket("/ws/home/", people["stranger"])
    await communicator.connect()
    for execution in (other, own):
        await database_sync_to_async(publish.execution_changed)(execution, "SUCCESS", 2)
    assert (await received(communicator, "executions.changed"))["ids"] == [own.id]
    await communicator.disconnect()


@pytest.mark.django_db(transaction=True)
async def test_a_list_hears_no_more_of_a_namespace_that_one_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK", 0.1)
    people = await database_sync_to_async(builders.people)()
    execution = await database_sync_to_async(data.execution)()
    communicator = socket("/ws/home/", people["reader"])
    await communicator.connect()
    await database_sync_to_async(Member.objects.filter(user=people["reader"]).delete)()
    await asyncio.sleep(0.4)
    await database_sync_to_async(publish.execution_changed)(execution, "SUCCESS", 2)
    assert await communicator.receive_nothing(1.5)
    await database_sync_to_async(User.objects.filter(pk=people["reader"].pk).update)(is_active=False)
    message = await communicator.receive_output(5)
    assert (message["type"], message["code"]) == ("websocket.close", consumers.UNKNOWN)
    await communicator.disconnect()
