"""Basic and Bearer headers: who they stand for, when they stop, and what is remembered."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone

from namespaces import authentication
from namespaces.authentication import Paused, authenticate_request
from namespaces.models import ApiToken, User
from namespaces.services import people, tokens
from tests import builders

pytestmark = pytest.mark.django_db
PASSWORD = "correct: horse battery"


@pytest.fixture
def mara() -> User:
    user = builders.person("mara")
    user.set_password(PASSWORD)
    user.save()
    return user


def asked(header: str) -> HttpRequest:
    return RequestFactory().get("/api/v1/flows", headers={"Authorization": header} if header else {})


def basic(email: str, password: str) -> HttpRequest:
    return asked("Basic " + base64.b64encode(f"{email}:{password}".encode()).decode())


def test_basic_stands_for_a_person(mara: User) -> None:
    assert authenticate_request(basic("Mara@example.com", PASSWORD)) == mara
    assert authenticate_request(basic("mara@example.com", "wrong")) is None
    assert authenticate_request(basic("nobody@example.com", PASSWORD)) is None


@pytest.mark.parametrize("header", ["", "Basic", "Basic !!!", "Basic " + base64.b64encode(b"\xff:\xff").decode(), "Basic bWFyYQ==",
"Digest x", "Bearer",
                                    "Bearer kw_", "Bearer x", "Bearer kw_" + "x" * 5000])  # fmt: skip
def test_a_damaged_header_stands_for_nobody(header: str, mara: User) -> None:
    assert authenticate_request(asked(header)) is None


def test_a_verified_password_is_not_hashed_again(mara: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert authenticate_request(basic("mara@example.com", PASSWORD)) == mara

    def never(*_: object, **__: object) -> bool:
        raise AssertionError("hashed again")

    monkeypatch.setattr("django.contrib.auth.hashers.MD5PasswordHasher.verify", never)
    assert authenticate_request(basic("mara@example.com", PASSWORD)) == mara
    with pytest.raises(AssertionError, match="hashed again"):
        authenticate_request(basic("mara@example.com", PASSWORD + "x"))


def test_a_new_password_ends_what_is_remembered_at_once(mara: User) -> None:
    assert authenticate_request(basic("mara@example.com", PASSWORD)) == mara
    people.change_password(user=User.objects.get(pk=mara.pk), present=PASSWORD, new="another long one 8")
    assert authenticate_request(basic("mara@example.com", PASSWORD)) is None
    assert authenticate_request(basic("mara@example.com", "another long one 8")) == mara


def test_a_disabled_person_is_refused_although_remembered(mara: User) -> None:
    assert authenticate_request(basic("mara@example.com", PASSWORD)) == mara
    people.set_active(user=None, person_id=mara.pk, active=False)
    assert authenticate_request(basic("mara@example.com", PASSWORD)) is None


def test_basic_is_paused_after_wrong_passwords(mara: User) -> None:
    for _ in range(authentication.TRIES):
        assert authenticate_request(basic("mara@example.com", "wrong")) is None
    with pytest.raises(Paused):
        authenticate_request(basic("mara@example.com", "wrong"))


def test_a_token_stands_for_who_made_it_until_it_ends(mara: User) -> None:
    row, token = tokens.create(user=mara, name="script", days=1)
    assert authenticate_request(asked(f"Bearer {token}")) == mara
    assert authenticate_request(basic("mara@example.com", token)) == mara
    assert authenticate_request(basic("other@example.com", token)) is None
    assert ApiToken.objects.get(pk=row.pk).last_used is not None
    assert token not in str(list(ApiToken.objects.values()))
    ApiToken.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert authenticate_request(asked(f"Bearer {token}")) is None


def test_a_revoked_token_and_one_of_a_disabled_person_are_refused(mara: User) -> None:
    row, token = tokens.create(user=mara, name="script")
    _, other = tokens.create(user=mara, name="script")
    tokens.revoke(user=mara, token_id=row.pk)
    assert authenticate_request(asked(f"Bearer {token}")) is None
    assert authenticate_request(asked(f"Bearer {other}")) == mara
    people.set_active(user=None, person_id=mara.pk, active=False)
    assert authenticate_request(asked(f"Bearer {other}")) is None
