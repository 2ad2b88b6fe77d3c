"""What the editor asks: the text with its draft, keeping what is typed, and saving it, in a namespace's own files and in a worktree."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from namespaces import files
from namespaces.models import Deletion, Role, User
from namespaces.services import versions
from namespaces.services.versions import Author
from tests import builders
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from workspace import worktrees

pytestmark = pytest.mark.django_db
AT = f"/workspace/{NAMESPACE}/"
WRONG: list[Any] = [
    [], "x", 1, None, {}, {"path": "a", "base": "", "text": 1}, {"path": "../a", "base": "", "text": ""},
    {"path": "", "base": "", "text": ""}, {"path": ".git/config", "base": "", "text": ""}, {"path": "_flows/a.yml", "base": "", "text": ""},
    {"path": "a", "base": "", "text": "\x00"}, {"path": "a\x00", "base": "", "text": ""}, {"path": "a", "base": "", "text": "\ud800"},
]  # fmt: skip
TEXT = "one\ntwo\nthree\nfour\nfive\n"


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"


@pytest.fixture
def page(ada: User) -> Client:
    """Ada's browser."""
    return signed_in(ada)


def signed_in(person: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(person)
    return client


def sent(client: Client, end: str, values: Any, status: int = 200) -> dict[str, Any]:
    answer = client.post(AT + end, values, content_type="application/json")
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_text_is_opened_typed_into_left_and_saved_elsewhere(page: Client, ada: User) -> None:
    files.write(NAMESPACE, "models/a.sql", TEXT.encode())
    opened = page.get(f"{AT}text/?path=models/a.sql").json()
    assert (opened["kind"], opened["text"], opened["draft"]) == ("text", TEXT, None)
    typed = {"path": "models/a.sql", "base": opened["base"], "text": "typed"}
    assert sent(page, "draft/", typed) == {"kept": True}
    elsewhere = signed_in(ada)
    again = elsewhere.get(f"{AT}text/?path=models/a.sql").json()
    assert (again["text"], again["draft"]["text"], again["draft"]["base"]) == (TEXT, "typed", opened["base"])
    assert [row["path"] for row in elsewhere.get(f"{AT}drafts/").json()["drafts"]] == ["models/a.sql"]
    saved = sent(elsewhere, "save/", typed)
    assert (saved["state"], saved["text"]) == ("saved", "typed")
    assert files.read(NAMESPACE, "models/a.sql") == b"typed"
    assert elsewhere.get(f"{AT}drafts/").json() == {"drafts": []}
    assert elsewhere.get(f"{AT}text/?path=models/a.sql").json()["base"] == saved["base"]


def test_a_late_save_is_merged_or_answered_with_the_three_texts(page: Client, bob: User) -> None:
    versions.write(NAMESPACE, "a.sql", TEXT.encode(), author=versions.SYSTEM)
    base = page.get(f"{AT}text/?path=a.sql").json()["base"]
    versions.write(NAMESPACE, "a.sql", TEXT.replace("two", "2").encode(), author=Author(bob))
    merged = sent(page, "save/", {"path": "a.sql", "base": base, "text": TEXT.replace("five", "5")})
    assert (merged["state"], merged["by"], merged["text"]) == ("merged", "Bob", "one\n2\nthree\nfour\n5\n")
    conflict = sent(page, "save/", {"path": "a.sql", "base": base, "text": TEXT.replace("two", "zwei")}, 409)
    assert (conflict["state"], conflict["before"], conflict["theirs"]) == ("conflict", TEXT, merged["text"])
    assert "<<<<<<< yours\nzwei\n=======\n2\n" in conflict["text"]
    assert files.read(NAMESPACE, "a.sql").decode() == merged["text"]
    assert sent(page, "save/", {"path": "a.sql", "base": conflict["base"], "text": "solved"})["state"] == "saved"


def decided(page: Client, *parts: str) -> Any:
    """What comes of the three panes, when these are the results."""
    shown = page.get(f"{AT}merge/?path=a.sql").content.decode()
    hidden = {name: re.findall(rf'name="{name}" value="([^"]*)"', shown)[0] for name in ("path", "base", "draft")}
    return page.post(f"{AT}merge/join/", {**hidden, "part": list(parts)})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_late_save_is_put_together_in_three_panes(page: Client, bob: User, end: str) -> None:
    def of(**other: str) -> str:
        return "".join(f"{other.get(f'l{number}', number)}{end}" for number in range(40))

    versions.write(NAMESPACE, "a.sql", of().encode(), author=versions.SYSTEM)
    base = page.get(f"{AT}text/?path=a.sql").json()["base"]
    versions.write(NAMESPACE, "a.sql", of(l5="five", l30="thirty").encode(), author=Author(bob))
    mine = of(l5="FIVE", l30="30!", l35="mine")
    sent(page, "save/", {"path": "a.sql", "base": base, "text": mine}, 409)
    shown = page.get(f"{AT}merge/?path=a.sql").content.decode()
    assert "2\N{NO-BREAK SPACE}places to decide" in shown
    assert re.findall(r"<pre[^>]*data-ours[^>]*>([^<]*)</pre>", shown) == [f"FIVE{end}", f"30!{end}"]
    assert re.findall(r"<pre[^>]*data-theirs[^>]*>([^<]*)</pre>", shown) == [f"five{end}", f"thirty{end}"]
    answer = decided(page, "both\r\n", "")
    assert answer.status_code == 200, answer.content
    text = answer.json()["text"]
    assert text == mine.replace("FIVE", "both").replace(f"30!{end}", "")
    assert sent(page, "save/", {"path": "a.sql", "base": answer.json()["base"], "text": text})["state"] == "saved"
    assert files.read(NAMESPACE, "a.sql").decode() == text
    assert page.get(f"{AT}merge/?path=a.sql").status_code == 409  # nothing is left to put together


def test_panes_that_somebody_overtook_are_looked_at_again(page: Client, bob: User) -> None:
    versions.write(NAMESPACE, "a.sql", TEXT.encode(), author=versions.SYSTEM)
    base = page.get(f"{AT}text/?path=a.sql").json()["base"]
    versions.write(NAMESPACE, "a.sql", TEXT.replace("two", "2").encode(), author=Author(bob))
    sent(page, "save/", {"path": "a.sql", "base": base, "text": TEXT.replace("two", "zwei")}, 409)
    shown = page.get(f"{AT}merge/?path=a.sql").content.decode()
    hidden = {name: re.findall(rf'name="{name}" value="([^"]*)"', shown)[0] for name in ("path", "base", "draft")}
    assert page.post(f"{AT}merge/join/", {**hidden, "part": ["x", "y"]}).status_code == 409
    versions.write(NAMESPACE, "a.sql", TEXT.replace("two", "deux").encode(), author=Author(bob))
    assert "look at it again" in page.post(f"{AT}merge/join/", {**hidden, "part": ["x"]}).json()["message"]
    assert decided(page, "x").json()["text"] == TEXT.replace("two", "x")
    for wrong in ("b.sql", "models", "../x", ""):
        assert page.get(f"{AT}merge/?path={wrong}").status_code in (409, 422)
        assert page.post(f"{AT}merge/join/", {"path": wrong}).status_code in (409, 422)


def test_each_branch_has_its_own_text_and_draft(bound: Remote, page: Client, ada: User) -> None:
    path = "models/orders.sql"
    opened = page.get(f"{AT}text/?branch=main&path={path}").json()
    sent(page, "draft/?branch=main", {"path": path, "base": opened["base"], "text": "select 2"})
    assert page.get(f"{AT}text/?path={path}").status_code == 404
    assert page.get(f"{AT}text/?branch=main&path={path}").json()["draft"]["text"] == "select 2"
    sent(page, "save/?branch=main", {"path": path, "base": opened["base"], "text": "select 2"})
    place = worktrees.find(user=ada, namespace=NAMESPACE, branch="main").place
    assert files.read(place, path) == b"select 2"
    assert sent(page, "save/?branch=main", {"path": "_flows/a.yml", "base": "", "text": "id: a"})["state"] == "saved"
    assert page.get(f"{AT}text/?branch=nowhere&path={path}").status_code == 404


def test_a_new_file_that_was_only_typed_is_opened_as_its_draft(page: Client) -> None:
    sent(page, "draft/", {"path": "new.sql", "base": "", "text": "typed"})
    opened = page.get(f"{AT}text/?path=new.sql").json()
    assert (opened["text"], opened["base"], opened["draft"]["text"]) == ("", "", "typed")
    assert sent(page, "draft/drop/", {"path": "new.sql"}) == {"dropped": True}
    assert page.get(f"{AT}text/?path=new.sql").status_code == 404


@pytest.mark.parametrize(
    ("name", "content", "kind"),
    [("a.bin", b"\x00\xff", "binary"), ("a.sql", b"x" * 1_000_001, "large"), ("a.png", b"\x89PNG", "picture"), ("a.sql", b"", "text")],
)
def test_what_a_file_is(page: Client, name: str, content: bytes, kind: str) -> None:
    files.write(NAMESPACE, name, content)
    opened = page.get(f"{AT}text/?path={name}").json()
    assert (opened["kind"], opened["size"]) == (kind, len(content))
    assert (opened["text"] is None) == (kind != "text")


@pytest.mark.parametrize("values", WRONG)
@pytest.mark.parametrize("end", ["save/", "draft/"])
def test_what_cannot_be_saved_is_refused(page: Client, end: str, values: Any) -> None:
    assert sent(page, end, values, 422)["message"]
    assert list(files.walk(NAMESPACE)) == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_json_is_refused(page: Client, body: bytes) -> None:
    assert page.post(f"{AT}save/", body, content_type="application/json").status_code == 422


def test_a_reader_reads_and_saves_nothing(ada: User) -> None:
    reader = builders.person("reader")
    builders.member(reader, Role.READER, NAMESPACE)
    files.write(NAMESPACE, "a.sql", b"text")
    client = signed_in(reader)
    assert client.get(f"{AT}text/?path=a.sql").json()["text"] == "text"
    for end in ("save/", "draft/", "draft/drop/"):
        sent(client, end, {"path": "a.sql", "base": "", "text": "x"}, 403)


def test_files_of_the_copy_that_is_open_are_found(bound: Remote, page: Client) -> None:
    files.write(NAMESPACE, "notes.md", b"select nothing")
    at = f"{AT}search/"
    assert [one["path"] for one in page.get(f"{at}names/?branch=main&q=mord").json()["files"]] == ["models/orders.sql"]
    found = page.get(f"{at}contents/?branch=main&q=SELECT&case=0&only=*s.sql").json()
    assert [one["path"] for one in found["files"]] == ["models/orders.sql", "models/stores.sql"]
    assert found["files"][0]["lines"] == [{"line": 1, "column": 1, "text": "select 1 as id", "start": 0, "end": 6}]
    assert [one["path"] for one in page.get(f"{at}contents/?q=select").json()["files"]] == ["notes.md"]
    assert page.get(f"{at}contents/?q=x(&regex=1").status_code == 422
    assert page.get(f"{at}contents/?q=").status_code == 422


def test_a_branch_has_its_own_history_and_trash(bound: Remote, page: Client, ada: User) -> None:
    path, query = "models/orders.sql", "branch=main"
    place = worktrees.find(user=ada, namespace=NAMESPACE, branch="main").place
    opened = page.get(f"{AT}text/?{query}&path={path}").json()
    sent(page, f"save/?{query}", {"path": path, "base": opened["base"], "text": "select 2 as id\n"})
    shown = page.get(f"{AT}history/?{query}&path={path}", headers={"Accept": "text/html"}).content.decode()
    assert "select 2 as id" in shown
    assert f"{AT}history/restore/?path=models%2Forders.sql&amp;number=1&amp;branch=main" in shown
    assert page.get(f"{AT}history/download/?{query}&path={path}&number=1").content == b"select 1 as id\n"
    page.post(f"{AT}history/restore/?{query}&path={path}&number=1")
    assert files.read(place, path) == b"select 1 as id\n"
    sent(page, f"delete/?{query}", {"path": "models"})
    deleted = Deletion.objects.get()
    assert "models/" in page.get(f"{AT}trash/?{query}", headers={"Accept": "text/html"}).content.decode()
    page.post(f"{AT}trash/{deleted.pk}/restore/?{query}")
    assert files.read(place, path) == b"select 1 as id\n"
    sent(page, f"delete/?{query}", {"path": path})
    answer = page.post(f"{AT}trash/empty/?{query}")
    assert (answer.status_code, answer["Location"]) == (302, f"{AT}trash/?{query}")
    assert not Deletion.objects.filter(restored=None).exists()
    assert page.post(f"{AT}trash/empty/").status_code == 403  # the namespace's own files: owners only
