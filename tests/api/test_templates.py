"""Templates over HTTP."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from flows.models import Template

SOURCE = "id: greeting\nnamespace: company.team\ntasks:\n  - {id: hello, type: io.kestra.plugin.core.log.Log, message: hello}\n"
ONE = "/api/v1/main/templates/company.team/greeting"
pytestmark = pytest.mark.django_db


def send(client: Client, method: str, path: str, source: str = SOURCE) -> tuple[int, object]:
    answer = client.generic(method, path, source, "application/x-yaml")
    return answer.status_code, answer.json() if answer.content else None


def test_a_template_is_made_read_changed_listed_and_deleted(asked_by: Callable[[str], Client]) -> None:
    api = asked_by("member")
    status, made = send(api, "POST", "/api/v1/main/templates")
    assert status == 200
    assert made == api.get(ONE).json()
    assert api.get(ONE).json()["tasks"][0]["id"] == "hello"
    assert send(api, "POST", "/api/v1/main/templates")[0] == 422
    assert send(api, "PUT", ONE, SOURCE.replace("id: hello", "id: bye"))[0] == 200
    found = api.get("/api/v1/main/templates/search?q=greet&namespace=company").json()
    assert (found["total"], found["results"][0]["tasks"][0]["id"]) == (1, "bye")
    assert api.get("/api/v1/main/templates/distinct-namespaces").json() == ["company.team"]
    assert send(api, "DELETE", ONE)[0] == 204
    assert api.get(ONE).status_code == 404


@pytest.mark.parametrize(("who", "status"), [("reader", 403), ("stranger", 404), ("nobody", 401)])
def test_who_may_not_write_changes_nothing(who: str, status: int, asked_by: Callable[[str], Client]) -> None:
    send(asked_by("member"), "POST", "/api/v1/main/templates")
    before = Template.objects.get().source
    for method, path in (("PUT", ONE), ("DELETE", ONE)):
        assert send(asked_by(who), method, path, SOURCE.replace("hello", "x"))[0] == status
    assert Template.objects.get().source == before
    assert asked_by(who).get(ONE).status_code == (200 if who == "reader" else status)


def test_a_source_that_is_no_template_is_refused(asked_by: Callable[[str], Client]) -> None:
    status, told = send(asked_by("member"), "POST", "/api/v1/main/templates", SOURCE + "inputs: []\n")
    assert (status, "Unrecognized field" in str(told)) == (422, True)
