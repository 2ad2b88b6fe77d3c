"""The vault: secrets at rest are encrypted with the first key and read with any of them, so that keys can be rotated."""

from __future__ import annotations

import base64
import binascii
import functools
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

from namespaces.models import Secret
from namespaces.rights import ancestry
from ui.errors import KestraError, Missing

logger = logging.getLogger(__name__)

ENCRYPTED = "io.kestra.datatype:aes_encrypted"


class SecretMissing(Missing):
    """Cannot find this secret."""


class Unreadable(KestraError):
    """A value was encrypted with a key that this installation no longer has; put the old key back or set the secret again."""


@functools.lru_cache(maxsize=4)
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _box() -> MultiFernet:
    return _fernet(tuple(settings.KESTRA_ENCRYPTION_KEYS))


def encrypt(clear: bytes) -> bytes:
    """Encrypt with the first key."""
    return _box().encrypt(clear)


def decrypt(ciphertext: bytes) -> bytes:
    """Read with any key; raises `Unreadable`."""
    try:
        return _box().decrypt(bytes(ciphertext))
    except InvalidToken as error:
        raise Unreadable from error


def rotate(ciphertext: bytes) -> bytes:
    """The same value, encrypted with the first key; raises `Unreadable`."""
    try:
        return _box().rotate(bytes(ciphertext))
    except InvalidToken as error:
        raise Unreadable from error


def encrypt_value(clear: str) -> dict[str, str]:
    """A SECRET input or output as it is stored: `{"type": "io.kestra.datatype:aes_encrypted", "value": …}`."""
    return {"type": ENCRYPTED, "value": encrypt(clear.encode()).decode("ascii")}


def is_encrypted(value: Any) -> bool:
    """Whether `value` is what `encrypt_value` made."""
    return isinstance(value, Mapping) and value.get("type") == ENCRYPTED and isinstance(value.get("value"), str)


def decrypt_value(value: Mapping[str, str]) -> str:
    """The text in what `encrypt_value` made; raises `Unreadable`."""
    return decrypt(value["value"].encode("ascii")).decode()


@functools.lru_cache(maxsize=4)
def _decoded(pairs: tuple[tuple[str, str], ...]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name, text in pairs:
        try:
            found[name.upper()] = base64.b64decode("".join(text.split()), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            logger.warning("SECRET_%s is not base64 text and is ignored", name)
    return found


def environment_secrets() -> Mapping[str, str]:
    """The `SECRET_*` variables of the server, decoded, by upper-case name; what is not base64 text is logged once and ignored."""
    return _decoded(tuple(sorted(settings.KESTRA_ENV_SECRETS.items())))


def secret(namespace: str, key: str) -> str:
    """The value of `key` in `namespace`, else above it, else in the environment; raises `SecretMissing` in Kestra's words."""
    rows = {row.namespace: row for row in Secret.objects.filter(namespace__in=ancestry(namespace), key=key)}
    for name in reversed(ancestry(namespace)):
        if name in rows:
            return decrypt(rows[name].ciphertext).decode()
    found = environment_secrets().get(key.upper())
    if found is None:
        raise SecretMissing(f"Cannot find secret for key '{key}'.")
    return found


def all_values(namespaces: Iterable[str]) -> list[str]:
    """Every secret text that an execution in these namespaces could meet, for masking."""
    names = {name for namespace in namespaces for name in ancestry(namespace)}
    return [*_readable(Secret.objects.filter(namespace__in=names)), *environment_secrets().values()]


def _readable(rows: Iterable[Secret]) -> Iterator[str]:
    for row in rows:
        try:
            yield decrypt(row.ciphertext).decode()
        except Unreadable:
            logger.warning("the secret %s of %s cannot be read with the present keys", row.key, row.namespace)
