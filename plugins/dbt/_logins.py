"""What nobody else may read in a profiles.yml: passwords, tokens and keys in clear, or that dbt takes from its environment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

SHORTEST = 4  # signs of a password: what is shorter stands everywhere
_SECRET = re.compile(
    r"(^pass|password|passwd|passphrase|pwd|secret|secret_key|access_key|(?<!public_)token|jwt|private_key|api_key)$", re.I
)
# Addresses and lists of words that have a password in them, as DuckDB's `attach` and others take them.
_INSIDE = re.compile(r"://[^/:@\s]*:([^@/\s]+)@|\b(?:password|token|secret)\s*=\s*(?:'([^']+)'|\"([^\"]+)\"|([^\s;,&'\"]+))", re.IGNORECASE)
_VARIABLE = re.compile(r"env_var\(\s*(['\"])(\w+)\1\s*(?:,\s*(['\"])(.*?)\3\s*)?\)")


def hidden(text: str, env: Mapping[str, str]) -> Iterator[str]:
    """The secret texts of a profiles.yml; `env` are the variables that dbt finds. None where it cannot be read: dbt cannot, either."""
    try:
        said = list(_said(yaml.safe_load(text), False))
    except (yaml.YAMLError, ValueError, RecursionError):
        return
    # A password that is also the name of the user or of the database, as where people try something out, hides nothing but these words.
    shown = {value for value, secret in said if not secret}
    for value, secret in said:
        for found in _clear(value, env) if secret else _within(value):
            if len(found) >= SHORTEST and found not in shown:
                yield found


def _said(value: Any, secret: bool) -> Iterator[tuple[str, bool]]:
    """Every text, and whether its name says that it is secret."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _said(inner, secret or bool(_SECRET.search(str(name))))
    elif isinstance(value, list):
        for inner in value:
            yield from _said(inner, secret)
    elif value is not None and not isinstance(value, bool):
        yield str(value), secret


def _clear(value: str, env: Mapping[str, str]) -> Iterator[str]:
    """A secret as it is written, or what its template takes from the environment."""
    if "{{" not in value:
        yield value
    for _, name, _, otherwise in _VARIABLE.findall(value):
        yield env.get(name, otherwise)


def _within(value: str) -> Iterator[str]:
    return (part for found in _INSIDE.findall(value) for part in found if part and "{{" not in part)
