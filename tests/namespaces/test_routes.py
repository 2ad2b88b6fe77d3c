"""Every route of people, namespaces and keys, asked by admin, owner, member, reader, stranger and nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from kv import services as kv
from kv import urls as kv_urls
from kv.models import KeyValue
from namespaces import blobs, files, urls
from namespaces.models import ApiToken, Member, Namespace, Role, Secret, User
from namespaces.services import secrets, tokens, versions
from tests import builders

NS = "company.team"
PEOPLE = ("admin", "owner", "member", "reader", "stranger")
OK, REDIRECT, FORBIDDEN, MISSING = 200, 302, 403, 404

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Route:
    """A route and what each of `PEOPLE` gets; who is not signed in is always sent to the sign-in page."""

    name: str
    answers: tuple[int, int, int, int, int]
    args: tuple[Any, ...] = ()
    data: dict[str, Any] = field(default_factory=dict)
    post: bool = False
    query: str = ""


def read(name: str, /, *args: Any, query: str = "") -> Route:
    return Route(name, (OK, OK, OK, OK, MISSING), args or (NS,), query=query)


def write(name: str, /, *args: Any, role: Role = Role.MEMBER, query: str = "", **data: Any) -> Route:
    member = REDIRECT if role is Role.MEMBER else FORBIDDEN
    return Route(name, (REDIRECT, REDIRECT, member, FORBIDDEN, MISSING), (NS, *args), data, post=True, query=query)


def everyone(name: str, status: int = OK, /, *, post: bool = False, **data: Any) -> Route:
    return Route(name, (status,) * 5, (), data, post=post)


def admins(name: str, status: int, /, *args: Any, post: bool = False, **data: Any) -> Route:
    return Route(name, (status, FORBIDDEN, FORBIDDEN, FORBIDDEN, FORBIDDEN), args, data, post=post)


ROUTES = [
    everyone("namespaces:account"),
    everyone("namespaces:change_password"),
    everyone("namespaces:rename", REDIRECT, post=True, name="New name"),
    everyone("namespaces:create_token", OK, post=True, name="script", days="30"),
    Route("namespaces:revoke_token", (MISSING, REDIRECT, MISSING, MISSING, MISSING), ("token of owner",), post=True),
    admins("namespaces:people", OK),
    admins("namespaces:add_person", OK, post=True, email="new@example.com"),
    admins("namespaces:reset_password", OK, "person", post=True),
    admins("namespaces:change_person", REDIRECT, "person", "promote", post=True),
    everyone("namespaces:all_secrets"),
    everyone("namespaces:list"),
    Route("namespaces:create", (REDIRECT, REDIRECT, 422, 422, 422), (), {"name": "company.team.new"}, post=True),
    Route("namespaces:detail", (REDIRECT, REDIRECT, REDIRECT, REDIRECT, MISSING), (NS,)),
    write("namespaces:describe", role=Role.OWNER, description="What it is for"),
    Route("namespaces:delete", (409, 409, FORBIDDEN, FORBIDDEN, MISSING), (NS,), post=True),
    read("namespaces:members"),
    write("namespaces:add_member", role=Role.OWNER, email="stranger@example.com", role_="reader"),
    write("namespaces:remove_member", "reader", role=Role.OWNER),
    read("namespaces:secrets"),
    write("namespaces:put_secret", role=Role.OWNER, key="NEW", value="x"),
    write("namespaces:delete_secret", "OLD", role=Role.OWNER, repeated="OLD"),
    read("namespaces:files"),
    read("namespaces:branch"),
    read("namespaces:find_file", query="q=a"),
    write("namespaces:save_file", path="a.txt", content="new", base=blobs.id_of(b"old")),
    write("namespaces:create_file", path="new.txt"),
    write("namespaces:upload_files", files="upload", replace="on"),
    write("namespaces:rename_file", path="a.txt", to="b.txt"),
    write("namespaces:delete_file", path="a.txt"),
    write("namespaces:restore_file", query="discarded"),
    read("namespaces:download_file", query="path=a.txt"),
    read("namespaces:export_files"),
    read("namespaces:file_history", query="path=a.txt"),
    read("namespaces:download_version", query="path=a.txt&number=1"),
    write("namespaces:restore_version", query="path=a.txt&number=1"),
    read("namespaces:trash"),
    write("namespaces:empty_trash", role=Role.OWNER),
    write("namespaces:restore_deletion", "discarded"),
    write("namespaces:forget_deletion", "discarded", role=Role.OWNER),
    read("kv:list"),
    write("kv:put", key="new", type="NUMBER", value="1"),
    write("kv:delete", "old"),
]
OPEN = {"sign_in", "sign_out", "set_appearance"}  # asked without signing in; test_session.py looks at them


@pytest.fixture
def world(settings: Settings, tmp_path: Path) -> dict[str, User]:
    """A namespace with one of everything, and people of every kind."""
    settings.KESTRA_STORAGE = tmp_path
    found = builders.people(NS)
    versions.write(NS, "a.txt", b"old", author=versions.SYSTEM)
    files.write(NS, "gone.txt", b"gone")
    secrets.put(user=None, namespace=NS, key="OLD", value="hidden value")
    kv.set(NS, "old", 1)
    return found


def client_of(user: User | None) -> Client:
    client = Client()
    if user is not None:
        client.force_login(user)
    return client


def prepared(route: Route, world: dict[str, User]) -> tuple[str, dict[str, Any]]:
    """Address and form of a route, with what only exists now put in."""
    args = [_argument(argument, world) for argument in route.args]
    data = {name.rstrip("_"): value for name, value in route.data.items()}
    if "files" in data:
        data["files"] = SimpleUploadedFile("up.txt", b"x")
    query = f"deletion={_deleted()}" if route.query == "discarded" else route.query
    return reverse(route.name, args=args) + (f"?{query}" if query else ""), data


def _deleted() -> int:
    deletion = versions.delete(NS, "gone.txt", author=versions.SYSTEM)
    assert deletion is not None
    return deletion.pk


def _argument(argument: Any, world: dict[str, User]) -> Any:
    if argument == "token of owner":
        return tokens.create(user=world["owner"], name="script")[0].pk
    if argument == "discarded":
        return _deleted()
    if argument == "person":
        return builders.person("somebody").pk
    return world[argument].pk if argument in world else argument


def everything() -> list[Any]:
    """All that a write could change, for comparison."""
    tables = [model.objects.order_by("pk").values() for model in (Namespace, Member, Secret, KeyValue, ApiToken, User)]
    return [list(table) for table in tables] + [sorted(entry.path for entry in files.walk(NS)), files.read(NS, "a.txt")]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
@pytest.mark.parametrize("who", PEOPLE)
def test_each_gets_what_their_role_allows(route: Route, who: str, world: dict[str, User]) -> None:
    url, data = prepared(route, world)
    client = client_of(world[who])
    before = everything()
    response = client.post(url, data) if route.post else client.get(url)
    expected = route.answers[PEOPLE.index(who)]
    assert response.status_code == expected, response.content[:2000]
    if expected in (FORBIDDEN, MISSING) or not route.post:
        assert everything() == before


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nobody_is_sent_to_the_sign_in_page(route: Route, world: dict[str, User]) -> None:
    url, data = prepared(route, world)
    client = client_of(None)
    before = everything()
    response = client.post(url, data) if route.post else client.get(url)
    assert response.status_code == REDIRECT
    assert response["Location"].startswith("/signin/?next=")
    assert everything() == before


@pytest.mark.parametrize("route", [route for route in ROUTES if route.post], ids=lambda route: route.name)
def test_a_get_never_changes_anything(route: Route, world: dict[str, User]) -> None:
    url, data = prepared(route, world)
    client = client_of(world["admin"])
    before = everything()
    assert client.get(url, data).status_code == 405
    assert everything() == before


@pytest.mark.parametrize("route", [route for route in ROUTES if route.post], ids=lambda route: route.name)
def test_a_post_without_the_token_of_the_page_is_refused(route: Route, world: dict[str, User]) -> None:
    url, data = prepared(route, world)
    client = Client(enforce_csrf_checks=True)
    client.force_login(world["admin"])
    before = everything()
    assert client.post(url, data).status_code == FORBIDDEN
    assert everything() == before


@pytest.mark.parametrize("route", [route for route in ROUTES if not route.post], ids=lambda route: route.name)
def test_a_stranger_and_a_namespace_that_is_not_there_look_the_same(route: Route, world: dict[str, User]) -> None:
    if NS not in route.args:
        return
    hidden, absent = reverse(route.name, args=[NS]), reverse(route.name, args=["not.there"])
    client = client_of(world["stranger"])
    answers = [client.get(url) for url in (hidden, absent)]
    assert [answer.status_code for answer in answers] == [MISSING, MISSING]
    assert answers[0].content.replace(NS.encode(), b"") == answers[1].content.replace(b"not.there", b"")


def test_every_route_is_listed_here() -> None:
    named = {f"namespaces:{pattern.name}" for pattern in urls.urlpatterns if pattern.name not in OPEN}
    named |= {f"kv:{pattern.name}" for pattern in kv_urls.urlpatterns}
    assert named == {route.name for route in ROUTES}


@pytest.mark.parametrize("action", ["promote", "demote", "disable", "enable"])
def test_every_change_of_a_person_needs_an_administrator(action: str, world: dict[str, User]) -> None:
    person = builders.person("somebody", is_admin=action == "demote")
    url = reverse("namespaces:change_person", args=[person.pk, action])
    assert client_of(world["owner"]).post(url).status_code == FORBIDDEN
    assert client_of(world["admin"]).post(url).status_code == REDIRECT


def test_pages_never_show_a_secret_value(world: dict[str, User]) -> None:
    client = client_of(world["admin"])
    for url in (reverse("namespaces:secrets", args=[NS]), reverse("namespaces:all_secrets")):
        content = client.get(url).content.decode()
        assert "OLD" in content
        assert "hidden value" not in content


def test_a_wrong_form_does_not_send_a_secret_back(world: dict[str, User]) -> None:
    response = client_of(world["owner"]).post(reverse("namespaces:put_secret", args=[NS]), {"key": "not a key!", "value": "hidden value"})
    assert response.status_code == 422
    assert "hidden value" not in response.content.decode()


def test_a_disabled_person_is_out_at_once(world: dict[str, User]) -> None:
    client = client_of(world["owner"])
    assert client.get(reverse("namespaces:files", args=[NS])).status_code == OK
    User.objects.filter(pk=world["owner"].pk).update(is_active=False)
    assert client.get(reverse("namespaces:files", args=[NS])).status_code == REDIRECT


@pytest.mark.parametrize("name", ["a%00b", "A", "..", "%2e%2e", "a%5Cb", "x" * 200])
def test_a_wrong_name_in_the_address_is_not_found(name: str, world: dict[str, User]) -> None:
    assert client_of(world["admin"]).get(f"/namespaces/{name}/files/").status_code in (301, MISSING)


@pytest.mark.parametrize("path", ["../x", "a\\b", "nul", "a\x00b", "x" * 2000])
def test_a_hostile_path_in_the_address_is_refused_with_a_sentence(path: str, world: dict[str, User]) -> None:
    client = client_of(world["owner"])
    for name in ("files", "branch", "download_file"):
        response = client.get(reverse(f"namespaces:{name}", args=[NS]), {"path": path})
        assert response.status_code == 422
    assert client.post(reverse("namespaces:create_file", args=[NS]), {"path": path}).status_code == 422
