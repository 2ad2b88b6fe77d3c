"""What every page of one namespace shows around its tab: name, description, role, tabs."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone

from namespaces.models import Member, Namespace, Role
from namespaces.rights import allows, ancestry
from namespaces.selectors import tree

TABS = (
    ("files", "Files", "namespaces:files"),
    ("kv", "Key-value", "kv:list"),
    ("secrets", "Secrets", "namespaces:secrets"),
    ("members", "Members", "namespaces:members"),
)
# Tabs whose pages belong to rooms above this one.
ABOVE = (
    ("git", "Git", "workspace:git"),
    ("connections", "Connections", "executions:connections"),
    ("variables", "Variables", "flows:namespace_variables"),
    ("plugin-defaults", "Plugin defaults", "flows:namespace_plugin_defaults"),
    ("states", "dbt state", "executions:states"),
    ("dependencies", "Dependencies", "flows:namespace_dependencies"),
)
LISTS = (("flows", "Flows", "flows:list"), ("executions", "Executions", "executions:list"))


def shell(request: HttpRequest, namespace: str, tab: str, role: Role = Role.READER) -> dict[str, Any]:
    """The context of a page of `namespace` with the tab `tab`; raises what `selectors.tree.enter` raises for a role below `role`."""
    held = tree.enter(getattr(request, "user", None), namespace, role)
    row = Namespace.objects.filter(name=namespace).first()
    return {
        "namespace": namespace,
        "parents": ancestry(namespace)[:-1],
        "description": row.description if row else "",
        "role": held,
        "may_write": allows(held, Role.MEMBER),
        "may_own": allows(held, Role.OWNER),
        "member_count": Member.objects.filter(namespace__name__in=ancestry(namespace)).values("user").distinct().count(),
        "tabs": tabs(namespace),
        "tab": tab,
        "now": timezone.now(),
    }


def tabs(namespace: str) -> list[dict[str, Any]]:
    """The tabs of a namespace, then its rows in the lists of other rooms, as far as those are installed."""
    found: list[dict[str, Any]] = [{"name": name, "label": label, "url": reverse(view, args=[namespace])} for name, label, view in TABS]
    for name, label, view in (*ABOVE, *LISTS):
        try:
            url = f"{reverse(view)}?namespace={namespace}" if (name, label, view) in LISTS else reverse(view, args=[namespace])
        except NoReverseMatch:
            continue
        found.append({"name": name, "label": label, "url": url})
    return found
