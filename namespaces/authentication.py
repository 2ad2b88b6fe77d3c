"""Who is asking: passwords, Basic and Bearer headers, and the pause after too many wrong passwords."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from datetime import timedelta
from importlib import import_module

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.hashers import check_password, make_password
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from namespaces.models import ApiToken, SignInFailure, User
from ui.errors import Throttled
from ui.formats import span

WINDOW = timedelta(minutes=15)
TRIES = 5  # of one account from one address
TRIES_OF_ADDRESS = 30
TRIES_OF_ACCOUNT = 60  # from all addresses together: high, so that nobody is locked out of their account by others
REMEMBERED = 60.0  # seconds that a verified Basic header is not hashed again
USED_STEP = timedelta(minutes=1)
TOKEN_PREFIX = "kw_"

_KEY = secrets.token_bytes(32)
_verified: dict[bytes, float] = {}
_lock = threading.Lock()


class Paused(Throttled):
    """Too many wrong passwords."""


def address_of(request: HttpRequest) -> str:
    """The address a request comes from; behind a proxy that we were told to trust, the one that the proxy saw."""
    forwarded = request.headers.get("X-Forwarded-For", "") if settings.SECURE_PROXY_SSL_HEADER else ""
    return (forwarded.rsplit(",", 1)[-1].strip() or str(request.META.get("REMOTE_ADDR", "")))[:64]


def sign_in(email: str, password: str, address: str) -> User | None:
    """The person with this password, or None, which counts as a failure; raises `Paused` when there were too many."""
    account = email.strip().lower()[:254]
    _refuse_if_paused(account, address)
    user = User.objects.filter(email__iexact=account).first()
    if user is None:
        make_password(password)  # takes as long as a wrong password does, so that addresses cannot be guessed by the clock
    elif check_password(password, user.password, setter=None) and user.is_active:
        SignInFailure.objects.filter(account=account, address=address).delete()
        return user
    SignInFailure.objects.filter(at__lt=timezone.now() - WINDOW).delete()
    SignInFailure.objects.create(account=account, address=address)
    return None


def tries_left(email: str, address: str) -> int:
    """How many wrong passwords are left for this account from this address."""
    return max(0, TRIES - _recent(Q(account=email.strip().lower()[:254], address=address)))


def _recent(condition: Q) -> int:
    return SignInFailure.objects.filter(condition, at__gte=timezone.now() - WINDOW).count()


def _refuse_if_paused(account: str, address: str) -> None:
    limits = (
        (Q(account=account, address=address), TRIES),
        (Q(address=address), TRIES_OF_ADDRESS),
        (Q(account=account), TRIES_OF_ACCOUNT),
    )
    for condition, most in limits:
        if _recent(condition) >= most:
            oldest = SignInFailure.objects.filter(condition, at__gte=timezone.now() - WINDOW).order_by("-at")[most - 1]
            raise Paused(f"Too many wrong passwords. Try again in {span(oldest.at + WINDOW - timezone.now())}.")


def digest(token: str) -> str:
    """What is stored of an API token: it has 256 random bits, so one SHA-256 is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def authenticate_request(request: HttpRequest) -> User | None:
    """The person behind an `Authorization: Basic …` or `Bearer …` header, or None. Raises `Paused` after too many wrong passwords."""
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return by_token(value.strip())
    if scheme.lower() == "basic":
        return _by_basic(value.strip(), address_of(request))
    return None


def by_session(key: str | None) -> User | None:
    """The person who is signed in with this session now: None once they signed out, were disabled or have another password."""
    if not key:
        return None
    asked = HttpRequest()
    asked.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    user = get_user(asked)
    return user if isinstance(user, User) and user.is_active else None


def by_token(token: str) -> User | None:
    """The person who made this API token, if it is neither revoked nor over; notes when it was used."""
    if not token.startswith(TOKEN_PREFIX):
        return None
    now = timezone.now()
    row = ApiToken.objects.select_related("user").filter(digest=digest(token), revoked=None, user__is_active=True).first()
    if row is None or (row.expires is not None and row.expires <= now):
        return None
    if row.last_used is None or row.last_used < now - USED_STEP:
        ApiToken.objects.filter(pk=row.pk).update(last_used=now)
    return row.user


def _by_basic(value: str, address: str) -> User | None:
    try:
        email, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None
    if not separator:
        return None
    if password.startswith(TOKEN_PREFIX):
        user = by_token(password)
        return user if user is not None and user.email.lower() == email.strip().lower() else None
    user = User.objects.filter(email__iexact=email.strip(), is_active=True).first()
    if user is not None and _is_remembered(user, password):
        return user
    user = sign_in(email, password, address)
    if user is not None:
        _remember(user, password)
    return user


def _mark(user: User, password: str) -> bytes:
    """Changes with the stored hash, so that a new password makes what is remembered worthless at once, in every process."""
    return hmac.digest(_KEY, f"{user.pk}\0{user.password}\0{password}".encode(), "sha256")


def _is_remembered(user: User, password: str) -> bool:
    with _lock:
        return _verified.get(_mark(user, password), 0.0) > time.monotonic()


def _remember(user: User, password: str) -> None:
    now = time.monotonic()
    with _lock:
        for mark in [mark for mark, until in _verified.items() if until <= now]:
            del _verified[mark]
        _verified[_mark(user, password)] = now + REMEMBERED
