"""Pages, fragments and errors: each asker gets what they can read."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import AnonymousUser
from django.contrib.messages.storage.fallback import FallbackStorage
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from tests import builders
from ui import errors, htmx, paging


def request(path: str = "/", **headers: str) -> HttpRequest:
    made = RequestFactory().get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    made.user, made.session = AnonymousUser(), {}
    made._messages = FallbackStorage(made)
    return made


def raised(error: Exception, **headers: str) -> HttpResponse | None:
    return errors.ErrorMiddleware(lambda _: HttpResponse()).process_exception(request(**headers), error)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.Invalid, 422),
        (errors.Missing, 404),
        (errors.Conflict, 409),
        (errors.Forbidden, 403),
        (errors.Throttled, 429),
        (errors.KestraError, 422),
    ],
)
def test_a_kind_of_error_has_its_status_and_its_sentence(error: type[errors.KestraError], status: int) -> None:
    response = raised(error())
    assert response is not None
    assert response.status_code == status
    assert (error.__doc__ or "").strip() in response.content.decode()


def test_htmx_gets_a_banner_where_messages_belong() -> None:
    response = raised(errors.Conflict("Someone was <first>"), HX_Request="true")
    assert response is not None
    assert (response["HX-Retarget"], response["HX-Reswap"]) == ("#page-messages", "innerHTML")
    assert "Someone was &lt;first&gt;" in response.content.decode()
    assert "<html" not in response.content.decode()


def test_a_program_gets_json() -> None:
    for asker in (request("/api/v1/flows"), request(Accept="application/json")):
        response = errors.answer(asker, 404, "Not here")
        assert json.loads(response.content)["message"] == "Not here"


def test_a_bug_goes_on_with_an_id() -> None:
    asker = request()
    assert errors.ErrorMiddleware(lambda _: HttpResponse()).process_exception(asker, ValueError("secret detail")) is None
    response = errors.server_error(asker)
    assert response.status_code == 500
    assert asker.META["kestra_web.error_id"] in response.content.decode()
    assert "secret detail" not in response.content.decode()


@pytest.mark.django_db
def test_an_unknown_address_has_a_page(client: Client) -> None:
    client.force_login(builders.person())
    response = client.get("/no/such/address")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_the_same_address_answers_with_a_page_or_its_fragment() -> None:
    assert not htmx.wants_fragment(request())
    assert htmx.wants_fragment(request(HX_Request="true"))
    assert not htmx.wants_fragment(request(HX_Request="true", HX_Boosted="true"))
    assert not htmx.wants_fragment(request(HX_Request="true", HX_History_Restore_Request="true"))
    response = htmx.page(request(HX_Request="true"), "error.html", "_crumb.html", {"text": "Here"})
    assert "<html" not in response.content.decode()
    assert response["Vary"] == "HX-Request"


def test_a_change_is_answered_by_redirect_or_fragment_and_a_toast() -> None:
    plain = htmx.done(request(), "/there", message="Done")
    assert (plain.status_code, plain["Location"]) == (302, "/there")
    partial = htmx.done(request(HX_Request="true"), "/there", message="Done", undo="/undo", fragment="_crumb.html", context={"text": "x"})
    assert json.loads(partial["HX-Trigger-After-Settle"]) == {"toast": {"message": "Done", "undo": "/undo"}}
    assert htmx.done(request(HX_Request="true"), "/there")["HX-Redirect"] == "/there"


@pytest.mark.parametrize(("query", "number", "first", "last"), [("", 1, 1, 10), ("?page=2", 2, 11, 20), ("?page=3", 3, 21, 25),
("?page=9", 9, 0, 80),
                                                               ("?page=-1", 1, 1, 10), ("?page=x&size=999999", 1, 1, 10),
                                                               ("?size=20", 1, 1, 20)])  # fmt: skip
def test_a_long_list_comes_in_windows(query: str, number: int, first: int, last: int) -> None:
    page = paging.paginate(request(f"/{query}"), list(range(25)), size=10)
    assert (page.number, page.first, page.last, page.total) == (number, first, last, 25)
    assert page.more is (page.last < 25 and bool(page.rows))


@pytest.mark.parametrize("host", ["evil.example", "testserver:80@evil.example", "testserver, evil.example", "", "a\"b"])
@pytest.mark.parametrize("path", ["/signin/", "/api/v1/main/flows/search", "/nowhere", "/health"])
def test_a_name_that_is_none_of_ours_is_answered_without_a_page(host: str, path: str, db: None) -> None:
    response = Client(raise_request_exception=False).get(path, headers={"Host": host})
    assert response.status_code in (400, 401, 404), response.content
    assert b"evil" not in response.content
