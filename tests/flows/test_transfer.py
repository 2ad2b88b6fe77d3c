"""Flows brought in from files and taken out as files."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from flows import exchange, services
from flows.models import Flow
from flows.validation import located_documents, split_documents
from namespaces.models import User
from tests import builders

pytestmark = pytest.mark.django_db

TASK = "tasks:\n  - {id: say, type: io.kestra.plugin.core.log.Log, message: hi}\n"
GOOD = f"id: good\nnamespace: company.team\n{TASK}"
BROKEN = "id: broken\nnamespace: company.team\ntasks:\n  - id: say\n    type: io.kestra.plugin.core.log.Log\n    messag: hi\n"


@pytest.fixture
def people() -> dict[str, User]:
    return builders.people()


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def sent(client: Client, *files: tuple[str, bytes], **fields: Any) -> Any:
    uploads = [SimpleUploadedFile(name, content) for name, content in files]
    return client.post("/flows/import/", {"files": uploads, **fields}, follow=True)


def zip_of(**files: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(f"{name}.yml", text)
    return buffer.getvalue()


# --- documents --------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a: 1\n", [1]),
        ("a: 1\n---\nb: 2\n", [1, 3]),
        ("---\na: 1\n--- # second\nb: 2\n---\n\n", [2, 4]),
        ("\n\na: 1\n---\n---\nb: 2", [1, 6]),
        ("", [1]),
    ],
)
def test_each_document_knows_the_line_that_it_begins_at(text: str, lines: list[int]) -> None:
    found = located_documents(text)
    assert [line for line, _ in found] == lines
    assert [document for _, document in found] == split_documents(text)
    for line, document in found:
        assert text.split("\n")[line - 1] == document.split("\n")[0]


# --- in ---------------------------------------------------------------------------------------------------------------------------------


def test_several_documents_and_files_are_created_updated_and_left_alone(people: dict[str, User]) -> None:
    services.create(user=people["owner"], source=GOOD)
    services.create(user=people["owner"], source=GOOD.replace("good", "same"))
    text = GOOD.replace("hi", "changed") + "---\n" + GOOD.replace("good", "same") + "---\n" + GOOD.replace("good", "third")
    answer = sent(client_of(people["member"]), ("flows.yaml", text.encode()), ("more.zip", zip_of(a=GOOD.replace("good", "fourth"))))
    assert answer.redirect_chain[0][0] == "/flows/"
    assert "4\u00a0flows: 2 created, 1 updated, 1 unchanged" in answer.content.decode()
    assert dict(Flow.objects.values_list("flow_id", "revision")) == {"good": 2, "same": 1, "third": 1, "fourth": 1}


def test_what_is_wrong_is_told_by_the_line_of_the_file_and_the_rest_is_saved(people: dict[str, User]) -> None:
    text = f"# mine\n---\n{GOOD}---\n{BROKEN}"
    answer = sent(client_of(people["member"]), ("flows.yml", text.encode()))
    page = re.sub(r"\s+", " ", answer.content.decode())
    assert answer.status_code == 422
    at = next(number for number, line in enumerate(text.split("\n"), 1) if "messag: hi" in line)
    assert f">Line {at}</b>" in page
    assert "Unknown property messag of Log. Did you mean message?" in page
    assert "2\u00a0flows" not in page
    assert list(Flow.objects.values_list("flow_id", flat=True)) == ["good"]


def test_the_broken_file_of_a_zip_is_named(people: dict[str, User]) -> None:
    page = sent(client_of(people["member"]), ("all.zip", zip_of(fine=GOOD, wrong=BROKEN))).content.decode()
    assert '<span class="mono">wrong.yml</span>' in page
    assert "1 created, 1 refused" in page
    assert ">Line 6</b>" in page


def test_one_is_imported_only_where_one_may_write(people: dict[str, User]) -> None:
    text = GOOD + "---\n" + GOOD.replace("company.team", "elsewhere")
    page = sent(client_of(people["member"]), ("flows.yml", text.encode())).content.decode()
    assert "1 created, 1 refused" in page
    assert "There is no such namespace, or you are not a member of it" in page
    assert list(Flow.objects.values_list("namespace", flat=True)) == ["company.team"]
    assert "In company.team you are a reader" in sent(client_of(people["reader"]), ("f.yml", GOOD.encode())).content.decode()
    assert Flow.objects.count() == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("flows.txt", b"x", "by its name"),
        ("flows.zip", b"no zip", "no zip that can be read"),
        ("flows.yml", b"\xff\xfe", "UTF-8"),
        ("flows.zip", zip_of(), "no YAML file in this zip"),
    ],
)
def test_a_file_that_is_none_is_refused_at_its_field(name: str, content: bytes, message: str, people: dict[str, User]) -> None:
    answer = sent(client_of(people["member"]), (name, content))
    assert answer.status_code == 422
    assert message in answer.content.decode().split('id="import-error"')[1]


def test_without_a_file_one_is_asked_for(people: dict[str, User]) -> None:
    answer = client_of(people["member"]).post("/flows/import/")
    assert answer.status_code == 422
    assert "Choose a file first" in answer.content.decode()


@pytest.mark.parametrize("text", ["", "---\n---\n", "a: [", "- 1\n- 2\n", "just text", "id: x\nnamespace: company.team\n", "id: \0"])
def test_documents_that_are_no_flows_are_told(text: str, people: dict[str, User]) -> None:
    answer = sent(client_of(people["member"]), ("flows.yml", text.encode()))
    assert answer.status_code == 422
    assert ">Line " in answer.content.decode()
    assert not Flow.objects.exists()


def test_a_person_without_a_namespace_is_told(people: dict[str, User]) -> None:
    lonely = User.objects.create_user("lonely@example.com", "x" * 12)
    assert client_of(lonely).get("/flows/import/").status_code == 403


# --- out --------------------------------------------------------------------------------------------------------------------------------


def test_a_flow_is_taken_out_as_it_was_written(people: dict[str, User]) -> None:
    source = "# first words\n" + GOOD
    services.create(user=people["owner"], source=source)
    answer = client_of(people["reader"]).get("/flows/company.team/good/export/")
    assert answer.content.decode() == source
    assert answer["Content-Disposition"] == 'attachment; filename="company.team.good.yml"'
    assert client_of(people["stranger"]).get("/flows/company.team/good/export/").status_code == 404


def test_a_namespace_is_taken_out_and_brought_in_again(people: dict[str, User]) -> None:
    services.create(user=people["admin"], source=GOOD)
    services.create(user=people["admin"], source=GOOD.replace("company.team", "company.team.below"))
    services.create(user=people["admin"], source=GOOD.replace("company.team", "company.teams"))
    content = client_of(people["reader"]).get("/namespaces/company.team/flows/export/").content
    assert sorted(one.file for one in exchange.documents_of("a.zip", content)) == ["company.team.below.good.yml", "company.team.good.yml"]
    page = sent(client_of(people["member"]), ("a.zip", content)).content.decode()
    assert "2\u00a0flows: 2 unchanged" in page


def test_both_are_offered_where_they_belong(people: dict[str, User]) -> None:
    services.create(user=people["owner"], source=GOOD)
    reader = client_of(people["reader"])
    flow_page = reader.get("/flows/company.team/good/").content.decode()
    assert 'href="/flows/company.team/good/export/"' in flow_page
    assert "/flows/company.team/good/delete/" not in flow_page
    assert 'href="/namespaces/company.team/flows/export/"' in reader.get("/namespaces/company.team/files/").content.decode()
    assert 'href="/flows/import/"' in reader.get("/flows/").content.decode()
