"""Files, whole folders and archives come into a folder of a namespace, or nothing does."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import Settings

from namespaces import files
from namespaces.models import FileVersion
from tests import builders

pytestmark = pytest.mark.django_db
NS = "company.team"
DOORS = [f"/namespaces/{NS}/files/upload/", f"/workspace/{NS}/upload/"]


@pytest.fixture
def page(settings: Settings, tmp_path: Path) -> Client:
    settings.KESTRA_STORAGE = tmp_path
    person = builders.person("ada")
    builders.member(person)
    client = Client(headers={"Accept": "application/json"})
    client.force_login(person)
    return client


def archive(**members: str) -> SimpleUploadedFile:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        for name, text in members.items():
            made.writestr(name.replace("__", "/"), text)
    return SimpleUploadedFile("project.ZIP", target.getvalue())


def here() -> list[str]:
    return files.paths(NS)


@pytest.mark.parametrize("door", DOORS)
def test_a_whole_folder_keeps_what_is_below_it_where_it_is(page: Client, door: str) -> None:
    sent = [SimpleUploadedFile("a.sql", b"1"), SimpleUploadedFile("a.sql", b"2"), SimpleUploadedFile("c", b"")]
    page.post(door, {"folder": "in", "files": sent, "paths": ["m/a.sql", "m/deep/a.sql", "c"]})
    assert here() == ["in/c", "in/m/a.sql", "in/m/deep/a.sql"]
    assert files.read(NS, "in/m/deep/a.sql") == b"2"
    assert set(FileVersion.objects.values_list("reason", "author__name")) == {("uploaded", "Ada")}


@pytest.mark.parametrize("door", DOORS)
def test_an_archive_is_unpacked_where_it_is_dropped_or_kept_as_a_file(page: Client, door: str) -> None:
    page.post(door, {"folder": "in", "unpack": "on", "files": [archive(a="1", m__b="2"), SimpleUploadedFile("x.txt", b"x")]})
    assert here() == ["in/a", "in/m/b", "in/x.txt"]
    page.post(door, {"folder": "", "files": [archive(a="1")]})
    assert here() == ["in/a", "in/m/b", "in/x.txt", "project.ZIP"]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("paths", [["../a", "b"], ["a", ".git/config"], ["a"], ["a", "b", "c"], ["/", "a"]])
def test_one_wrong_path_and_nothing_is_written(page: Client, door: str, paths: list[str]) -> None:
    sent = [SimpleUploadedFile("a", b"1"), SimpleUploadedFile("b", b"2")]
    assert page.post(door, {"files": sent, "paths": paths}).status_code == 422
    assert page.post(door, {"files": [archive(a="1", **{"..__x": "2"})], "unpack": "on"}).status_code == 422
    assert here() == []


def test_nothing_is_replaced_where_that_was_not_asked_for(page: Client) -> None:
    files.write(NS, "b", b"old")
    sent = [SimpleUploadedFile("a", b"1"), SimpleUploadedFile("b", b"2")]
    assert page.post(DOORS[0], {"files": sent}).status_code == 409
    assert here() == ["b"]
    assert page.post(DOORS[0], {"files": [SimpleUploadedFile("b", b"2")], "replace": "on"}).status_code == 302
    assert files.read(NS, "b") == b"2"
