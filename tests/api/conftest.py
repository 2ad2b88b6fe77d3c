"""What tests of the API share: people with tokens, a flow, an execution with a line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from executions.models import Execution
from flows import services
from namespaces.models import User
from namespaces.services import tokens
from tests import builders
from tests.executions import page_data

SOURCE = """id: shop
namespace: company.team
labels:
  team: data
inputs:
  - id: who
    type: STRING
    defaults: nobody
tasks:
  - id: greet
    type: io.kestra.plugin.core.log.Log
    message: hello {{ inputs.who }}
triggers:
  - id: nightly
    type: io.kestra.plugin.core.trigger.Schedule
    cron: "0 6 * * *"
  - id: called
    type: io.kestra.plugin.core.trigger.Webhook
    key: "open{{ 1 + 1 }}"
"""


@pytest.fixture
def people(db: None, settings: Settings, tmp_path: Path) -> dict[str, User]:
    """Admin, owner, member, reader and stranger, with storage of their own."""
    settings.KESTRA_STORAGE = tmp_path
    return builders.people()


@pytest.fixture
def asked_by(people: dict[str, User]) -> Callable[[str], Client]:
    """A client of the API that is one of the people, by a token; "nobody" has none."""

    def make(name: str) -> Client:
        if name == "nobody":
            return Client()
        _, token = tokens.create(user=people[name], name="test")
        return Client(headers={"Authorization": f"Bearer {token}"})

    return make


@pytest.fixture
def shop(people: dict[str, User]) -> Execution:
    """An execution that has ended, of a flow with an input and two triggers."""
    services.create(user=people["owner"], source=SOURCE)
    row = page_data.execution()
    page_data.log_lines(row, [(2, "hello nobody"), (4, "it broke")], run=page_data.task_run(row, "greet"))
    return row
