"""The expression tester's completion on real executions: names from the server, of long loops too, and nothing that is hidden."""

from __future__ import annotations

import re
import time
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from executions.models import Execution, TaskRun
from namespaces import vault
from namespaces.models import User
from tests import builders
from tests.executions import page_data as data

pytestmark = pytest.mark.django_db


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


@pytest.fixture
def execution(people: dict[str, User]) -> Execution:
    data.flow()
    made = data.execution(inputs={"target": "dev", "password": vault.encrypt_value("hush")}, variables={"region": "eu"})
    data.task_run(made, "load", outputs={"uri": "kestra:///x", "rows": 3})
    data.task_run(made, "load-all", outputs={"files": [{"name": "a.csv"}]})
    data.task_run(made, "silent")
    return made


def offered(user: User, execution: Execution, before: str, run: str = "") -> list[tuple[str, str]]:
    """The options as (label, text that is put in)."""
    client = Client()
    client.force_login(user)
    answer = client.post(reverse("executions:complete", args=[execution.id]), {"before": before, "run": run})
    assert answer.status_code == 200
    found = re.findall(r'data-text="([^"]*)"><span class="mono">([^<]*)', answer.content.decode())
    return [(unescape(label), unescape(text)) for text, label in found]


def names(*arguments: Any) -> list[str]:
    return [label for label, _ in offered(*arguments)]


def test_names_come_from_the_execution(people: dict[str, User], execution: Execution) -> None:
    reader = people["reader"]
    assert {"outputs", "inputs", "vars", "flow", "execution", "range"} <= set(names(reader, execution, "{{ "))
    assert names(reader, execution, "{{ inputs.") == ["target", "password"]
    assert names(reader, execution, "{{ vars.") == ["region"]
    assert offered(reader, execution, "{{ outputs.lo") == [("load", ".load"), ("load-all", '["load-all"]')]
    assert names(reader, execution, "{{ outputs.load.") == ["uri", "rows"]
    assert names(reader, execution, "{{ outputs['load-all'].files[0].") == ["name"]
    assert names(reader, execution, "{{ tasks.si") == ["silent"]
    assert names(reader, execution, "{{ tasks.silent.") == ["state"]
    assert names(reader, execution, "{{ outputs.load.uri | low") == ["lower"]
    assert names(reader, execution, "nothing here") == []


def test_a_secret_is_never_told(people: dict[str, User], execution: Execution) -> None:
    client = Client()
    client.force_login(people["reader"])
    url = reverse("executions:complete", args=[execution.id])
    for before in ("{{ inputs.", "{{ inputs.password.", "{{ ", "{{ secret"):
        text = client.post(url, {"before": before}).content.decode()
        assert "hush" not in text
        assert "secret(" not in text


ODD = ("{{ outputs.", "{{ outputs[", "{{ outputs['a']['b'].", "{{ tasks[0].", "{{" * 4000, "{{ a[99999999999999999999].")


@pytest.mark.parametrize("before", ODD)
def test_whatever_is_typed_is_answered(before: str, people: dict[str, User], execution: Execution) -> None:
    offered(people["reader"], execution, before)
    offered(people["reader"], execution, before, "no-such-run")
    offered(people["reader"], data.execution(flow_id="gone"), before)


def test_a_long_loop_is_asked_for_by_value(people: dict[str, User], execution: Execution) -> None:
    loop = data.task_run(execution, "each")
    first = execution.task_runs.count()
    ended = {"state": "SUCCESS", "histories": data.histories(("CREATED", 1), ("SUCCESS", 2)), "folded": True}
    of_loop = {"execution": execution, "task_id": "one", "parent_id": loop.id}
    rows = [
        TaskRun(id=f"one{at:06d}", value=f"v{at}", iteration=at, outputs={"rows": at}, position=first + at, **of_loop, **ended)
        for at in range(10_000)
    ]
    TaskRun.objects.bulk_create(rows, batch_size=500)
    begun = time.monotonic()
    assert "one" in names(people["reader"], execution, "{{ outputs.")
    assert ("v9876", ".v9876") in offered(people["reader"], execution, "{{ outputs.one.v987")
    assert names(people["reader"], execution, "{{ outputs.one['v5000'].") == ["rows"]
    assert time.monotonic() - begun < 6


def test_paths_of_values_can_be_tried(people: dict[str, User], execution: Execution) -> None:
    loop = data.task_run(execution, "loop")
    branch = data.task_run(execution, "branch", parent=loop, value="a b")
    inner = data.task_run(execution, "in-it", parent=branch, outputs={"a-b": [{"c": 7}]})
    client = Client()
    client.force_login(people["reader"])
    page = client.get(reverse("executions:outputs", args=[execution.id]), {"run": inner.id}).content.decode()
    paths = [unescape(path) for path in re.findall(r'data-use-path="([^"]*)"', page)]
    assert 'outputs["in-it"]["a b"]["a-b"][0].c' in paths
    for path in paths:
        answer = client.post(reverse("executions:evaluate", args=[execution.id]), {"expression": f"{{{{ {path} }}}}"}).content.decode()
        assert "cannot be rendered" not in answer, path
