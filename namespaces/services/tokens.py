"""API tokens: made and revoked by the person they stand for, shown once."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.utils import timezone

from namespaces.authentication import TOKEN_PREFIX, digest
from namespaces.models import ApiToken, User
from ui.errors import Invalid, Missing

MOST = 50


class NoSuchToken(Missing):
    """There is no such token, or it was revoked before."""


def create(*, user: User, name: str, days: int | None = None) -> tuple[ApiToken, str]:
    """A new token for programs that act as `user`; answers the row and the token, which is never shown again. `days` None: no end."""
    name = name.strip()
    if not name:
        raise Invalid("Give the token a name that says what it is for.")
    if days is not None and not 1 <= days <= 3650:
        raise Invalid("A token lives for 1 to 3650 days.")
    if user.tokens.filter(revoked=None).count() >= MOST:
        raise Invalid(f"You have {MOST} tokens: revoke one first.")
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    expires = None if days is None else timezone.now() + timedelta(days=days)
    return ApiToken.objects.create(user=user, name=name[:100], digest=digest(token), prefix=token[:8], expires=expires), token


def revoke(*, user: User, token_id: int) -> None:
    """End a token of `user` for good."""
    if not ApiToken.objects.filter(pk=token_id, user=user, revoked=None).update(revoked=timezone.now()):
        raise NoSuchToken
