"""Signing in and out, the pause after wrong passwords, one-time passwords, and how the pages look."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from namespaces import authentication
from namespaces.models import SignInFailure, User
from namespaces.services import people
from tests import builders

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def mara() -> User:
    user = builders.person("mara")
    user.set_password(PASSWORD)
    user.save()
    return user


def sign_in(client: Client, email: str = "mara@example.com", password: str = PASSWORD, **more: str):
    return client.post("/signin/", {"email": email, "password": password, **more})


def test_the_right_password_opens_the_page_that_was_asked_for(client: Client, mara: User) -> None:
    sent = client.get("/account/")
    assert sent["Location"] == "/signin/?next=/account/"
    assert 'value="/account/"' in client.get(sent["Location"]).content.decode()
    assert sign_in(client, next="/account/")["Location"] == "/account/"
    assert client.get("/account/").status_code == 200
    assert sign_in(client, email=" MARA@Example.com ")["Location"] == "/"


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "\\\\evil.example", "evil.example"])
def test_a_sign_in_never_leads_away(client: Client, mara: User, target: str) -> None:
    assert sign_in(client, next=target)["Location"] == "/"


def test_a_wrong_password_says_how_many_tries_are_left(client: Client, mara: User) -> None:
    response = sign_in(client, password="wrong")
    assert response.status_code == 422
    assert "4\u00a0tries are left before a pause of 15 minutes" in response.content.decode()
    assert "wrong" not in response.content.decode().replace("is wrong", "")


def test_five_wrong_passwords_pause_the_account_from_this_address_only(client: Client, mara: User) -> None:
    for _ in range(authentication.TRIES):
        sign_in(client, password="wrong")
    refused = sign_in(client)
    assert refused.status_code == 429
    assert "Try again in" in refused.content.decode()
    assert sign_in(Client(REMOTE_ADDR="10.0.0.9")).status_code == 302
    SignInFailure.objects.update(at=timezone.now() - authentication.WINDOW - timedelta(seconds=1))
    assert sign_in(client).status_code == 302


def test_success_is_never_throttled_and_forgets_failures(client: Client, mara: User) -> None:
    for _ in range(3):
        assert sign_in(client, password="wrong").status_code == 422
    for _ in range(8):
        assert sign_in(client).status_code == 302
    assert authentication.tries_left("mara@example.com", "127.0.0.1") == authentication.TRIES


def test_an_address_that_tries_many_accounts_is_paused(client: Client, mara: User) -> None:
    now = timezone.now()
    for number in range(authentication.TRIES_OF_ADDRESS):
        SignInFailure.objects.create(account=f"a{number}@example.com", address="127.0.0.1", at=now)
    assert sign_in(client).status_code == 429


def test_unknown_people_and_wrong_passwords_look_the_same(client: Client, mara: User) -> None:
    known = sign_in(client, password="wrong").content.decode().replace("mara@", "someone@")
    unknown = sign_in(client, email="nobody@example.com", password="wrong").content.decode().replace("nobody@", "someone@")
    token = re.compile(r"[A-Za-z0-9]{64}")  # the CSRF token, other on every page
    assert token.sub("", known) == token.sub("", unknown)


def test_a_disabled_person_cannot_sign_in(client: Client, mara: User) -> None:
    User.objects.update(is_active=False)
    assert sign_in(client).status_code == 422


def test_signing_out_needs_a_post(client: Client, mara: User) -> None:
    client.force_login(mara)
    assert client.get("/signout/").status_code == 405
    assert client.get("/account/").status_code == 200
    assert client.post("/signout/").status_code == 302
    assert client.get("/account/").status_code == 302


def test_a_one_time_password_opens_nothing_but_the_new_password(client: Client) -> None:
    _, password = people.add(user=None, email="new@example.com")
    assert sign_in(client, email="new@example.com", password=password).status_code == 302
    assert client.get("/namespaces/")["Location"] == "/account/password/"
    weak = client.post("/account/password/", {"present": password, "new": "password", "again": "password"})
    assert weak.status_code == 422
    other = client.post("/account/password/", {"present": password, "new": "a long new one 7", "again": "another"})
    assert other.status_code == 422
    done = client.post("/account/password/", {"present": password, "new": "a long new one 7", "again": "a long new one 7"})
    assert done.status_code == 302
    assert client.get("/namespaces/").status_code == 200
    assert User.objects.get(email="new@example.com").check_password("a long new one 7")


def test_a_new_password_ends_other_sessions(client: Client, mara: User) -> None:
    other = Client()
    other.force_login(mara)
    client.force_login(mara)
    client.post("/account/password/", {"present": PASSWORD, "new": "a long new one 7", "again": "a long new one 7"})
    assert client.get("/account/").status_code == 200
    assert other.get("/account/").status_code == 302


def test_the_theme_is_kept_with_the_person_and_written_into_the_page(client: Client, mara: User) -> None:
    client.force_login(mara)
    assert "data-theme" not in client.get("/account/").content.decode().split("<head>")[0]
    assert client.post("/account/appearance/", {"theme": "dark", "nav": "rail", "keys": "off"}).status_code == 302
    page = client.get("/account/").content.decode()
    assert '<html lang="en" data-theme="dark">' in page
    assert '<body data-nav="rail"' in page
    assert 'data-single-keys="off"' in page
    assert client.post("/account/appearance/", {"theme": "pink"}).status_code == 422
    assert client.get("/account/appearance/").status_code == 405


def test_the_theme_before_sign_in_is_a_cookie(client: Client) -> None:
    assert client.post("/account/appearance/", {"theme": "dark", "next": "/signin/"})["Location"] == "/signin/"
    assert '<html lang="en" data-theme="dark">' in client.get("/signin/").content.decode()
    assert client.post("/account/appearance/", {"theme": '"><script>'}).status_code == 422


def test_an_htmx_request_of_nobody_goes_to_the_sign_in_page_and_back(client: Client) -> None:
    response = client.get("/namespaces/", headers={"HX-Request": "true", "HX-Current-URL": "http://testserver/people/?q=a"})
    assert response["HX-Redirect"] == "/signin/?next=/people/%3Fq%3Da"
