"""Every address that a template names is one that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.urls import get_resolver

NAMED = re.compile(r"""\{%\s*url\s+['"]([\w:-]+)['"]""")
TEMPLATES = Path(settings.BASE_DIR) / "templates"
USED = sorted({(name, str(path.relative_to(TEMPLATES))) for path in TEMPLATES.rglob("*.html") for name in NAMED.findall(path.read_text())})


def known(name: str) -> bool:
    """Whether some address has this name, whatever its arguments."""
    resolver, *rest = get_resolver(), *name.split(":")
    for space in rest[:-1]:
        if space not in resolver.namespace_dict:
            return False
        resolver = resolver.namespace_dict[space][1]
    return rest[-1] in {key for key in resolver.reverse_dict if isinstance(key, str)}


@pytest.mark.parametrize(("name", "template"), USED)
def test_a_link_of_a_template_leads_somewhere(name: str, template: str) -> None:
    assert known(name), f"{template} names {name}"


def test_a_name_that_nobody_has_is_noticed() -> None:
    assert len(USED) > 20
    assert not known("flows:nowhere")
    assert not known("nowhere:list")
