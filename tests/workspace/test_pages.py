"""The workspace page, its tree, what is done with files there, and what a person has chosen for it."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as configured
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from namespaces import files
from namespaces.models import FileVersion, Role, User
from namespaces.selectors import versions as selectors
from tests import builders
from tests.plugins.git.remotes import Remote
from tests.workspace.conftest import NAMESPACE
from workspace import worktrees

AT = f"/workspace/{NAMESPACE}/"
LARGEST_BUNDLE = 280_000  # bytes that the editor may take on the way


@pytest.fixture(autouse=True)
def storage(settings: Settings, tmp_path: Path) -> None:
    settings.KESTRA_STORAGE = tmp_path / "storage"


@pytest.fixture
def page(ada: User) -> Client:
    client = Client(headers={"Accept": "application/json"})
    client.force_login(ada)
    return client


def sent(client: Client, end: str, values: Any, status: int = 200) -> dict[str, Any]:
    answer = client.post(AT + end, values, content_type="application/json")
    assert answer.status_code == status, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_the_page_knows_the_copy_it_shows_and_whether_it_may_be_changed(page: Client, bound: Remote) -> None:
    config = page.get(AT).context["config"]
    assert (config["branch"], config["place"], config["may_write"], config["bound"]) == ("", "_files", True, True)
    config = page.get(f"{AT}?branch=main").context["config"]
    assert config["branch"] == "main"
    assert config["place"].startswith("_work/")
    assert page.get(f"{AT}?branch=nowhere").status_code == 404


def test_a_reader_opens_the_namespace_but_no_branch(bound: Remote, db: None) -> None:
    reader = builders.person("reader")
    builders.member(reader, Role.READER, NAMESPACE)
    client = Client()
    client.force_login(reader)
    assert client.get(AT).context["config"]["may_write"] is False
    assert client.get(f"{AT}?branch=main").status_code == 403


def test_only_namespaces_with_files_are_offered(page: Client, ada: User) -> None:
    builders.namespace("company.team.empty")
    builders.namespace("company.team.full")
    files.write("company.team.full", "a.sql", b"select 1")
    assert [row["name"] for row in page.get("/workspace/").context["namespaces"]] == ["company.team.full"]


def test_every_path_is_told_once_and_not_again_while_nothing_changes(page: Client) -> None:
    files.write(NAMESPACE, "models/a.sql", b"select 1")
    files.make_dir(NAMESPACE, "empty")
    answer = page.get(f"{AT}paths/")
    assert sorted(answer.json()["paths"]) == [["empty/", 0], ["models/", 0], ["models/a.sql", 8]]
    tag = answer["ETag"]
    again = page.get(f"{AT}paths/", headers={"If-None-Match": f'"other", W/{tag}'})
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    files.write(NAMESPACE, "models/b.sql", b"")
    assert page.get(f"{AT}paths/", headers={"If-None-Match": tag}).status_code == 200


def test_what_differs_from_the_last_commit_is_marked(page: Client, ada: User, bound: Remote) -> None:
    assert page.get(f"{AT}marks/").json() == {"marks": {}}
    place = worktrees.find(user=ada, namespace=NAMESPACE, branch="main").place
    files.write(place, "models/orders.sql", b"select 7 as id\n")
    files.write(place, "models/new.sql", b"select 8 as id\n")
    files.delete(place, "models/stores.sql")
    found = page.get(f"{AT}marks/?branch=main").json()["marks"]
    assert found == {"models/new.sql": "A", "models/orders.sql": "M", "models/stores.sql": "D"}


@pytest.mark.parametrize("branch", ["", "main"])
def test_files_and_folders_are_made_renamed_deleted_and_brought_back(page: Client, ada: User, bound: Remote, branch: str) -> None:
    place = worktrees.find(user=ada, namespace=NAMESPACE, branch=branch).place if branch else NAMESPACE
    at = f"?branch={branch}" if branch else ""
    assert sent(page, f"create/{at}", {"path": "notes/a.md"}) == {"path": "notes/a.md"}
    assert sent(page, f"create/{at}", {"path": "made/"}) == {"path": "made/"}
    assert files.stats(place, "made").is_directory
    assert "already there" in sent(page, f"create/{at}", {"path": "notes/a.md"}, 409)["message"]
    files.write(place, "notes/a.md", b"kept")
    assert sent(page, f"rename/{at}", {"path": "notes", "to": "words"}) == {"path": "words"}
    gone = sent(page, f"delete/{at}", {"path": "words"})
    assert not files.exists(place, "words")
    assert sent(page, f"restore/{at}", {"deletion": gone["undo"].partition("deletion=")[2]}) == {"path": "words"}
    assert files.read(place, "words/a.md") == b"kept"
    assert sent(page, f"delete/{at}", {"path": "nothing"}, 404)["message"]


def test_a_folder_is_uploaded_with_its_paths_and_by_whom(page: Client, ada: User) -> None:
    chosen = [SimpleUploadedFile("a.csv", b"1"), SimpleUploadedFile("b.csv", b"2")]
    form = {"folder": "seeds", "files": chosen, "paths": ["in/a.csv", "in/b.csv"]}
    assert page.post(f"{AT}upload/", form).json() == {"paths": ["seeds/in/a.csv", "seeds/in/b.csv"]}
    (version,) = selectors.history(NAMESPACE, "seeds/in/b.csv")
    assert (version.author, version.reason) == (ada, FileVersion.Reason.UPLOADED)
    outside = {"folder": "seeds", "files": [SimpleUploadedFile("a.csv", b"1")], "paths": ["../../a.csv"]}
    assert page.post(f"{AT}upload/", outside).status_code == 422
    uneven = {"files": [SimpleUploadedFile("a.csv", b"1")], "paths": ["a.csv", "b.csv"]}
    assert "one path for each file" in page.post(f"{AT}upload/", uneven).json()["message"]


def test_what_is_chosen_stays_chosen_and_nonsense_is_told_so(page: Client) -> None:
    assert sent(page, "settings/", {"vim": True, "side": 300})["vim"] is True
    assert page.get(AT).context["config"]["settings"] == {
        "font": 12, "tab": 4, "colours": "page", "vim": True, "wrap": False, "format_on_save": False, "side": 300,
    }  # fmt: skip
    wrong: list[Any] = [{"font": 99}, {"vim": 1}, {"side": True}, {"side": 9}, {"other": 1}, {"font": []}, [], "x", {"colours": {}}]
    for values in wrong:
        assert sent(page, "settings/", values, 422)["message"]


def test_the_editor_is_no_larger_than_promised() -> None:
    built = configured.BASE_DIR / "static" / "dist"
    assert (built / "workspace.js").exists(), "nothing is bundled: make static"
    parts, waiting = set(), ["workspace.js"]
    while waiting:
        name = waiting.pop()
        if name not in parts:
            parts.add(name)
            waiting += re.findall(r'(?:from|import)\s*"\./([\w.-]+\.js)"', (built / name).read_text())
    size = sum(len(gzip.compress((built / name).read_bytes(), 9)) for name in parts)
    assert len(parts) > 1
    assert size <= LARGEST_BUNDLE, f"{sorted(parts)} take {size} bytes"
