"""Namespaces: made when something is first put into them, described by their owners, deleted when empty."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from engine.defaults import read_defaults
from namespaces import files, guards
from namespaces.models import Namespace, Role, Secret
from namespaces.paths import check_namespace
from namespaces.rights import Person, RoleTooLow, below, require, require_admin, role_of
from ui.errors import Conflict, Invalid, Missing


class NamespaceInUse(Conflict):
    """There is still something in this namespace."""


class NoSuchNamespace(Missing):
    """There is no such namespace, or you are not a member of it."""


def ensure(name: str) -> Namespace:
    """The row of a namespace, made if there was none; raises `BadNamespace`. Parents exist without rows."""
    return Namespace.objects.get_or_create(name=check_namespace(name))[0]


def create(*, user: Person, name: str, description: str = "") -> Namespace:
    """Make a namespace: owners of one above it may, and administrators."""
    check_namespace(name)
    above = name.rpartition(".")[0]
    if not above or role_of(user, above) is None:
        require_admin(user)
    elif role_of(user, above) is not Role.OWNER:
        raise RoleTooLow(f"Only owners of {above} make namespaces below it.")
    row, made = Namespace.objects.get_or_create(name=name, defaults={"description": description.strip()})
    if not made:
        raise Conflict(f"{name} is already there.")
    return row


def describe(*, user: Person, name: str, description: str) -> Namespace:
    """Say what the namespace is for."""
    require(user, name, Role.OWNER)
    row = ensure(name)
    row.description = description.strip()
    row.save(update_fields=["description"])
    return row


def set_variables(*, user: Person, name: str, variables: dict[str, Any]) -> Namespace:
    """Replace the variables that flows of the namespace and below see as `namespace.<name>`."""
    require(user, name, Role.OWNER)
    if not isinstance(variables, dict):
        raise Invalid("Variables are an object of names and values.")
    row = ensure(name)
    row.variables = variables
    row.save(update_fields=["variables"])
    return row


def set_plugin_defaults(*, user: Person, name: str, defaults: list[Any]) -> Namespace:
    """Replace the property values that tasks of a type have in the namespace and below, as `{type, values, forced}` maps."""
    require(user, name, Role.OWNER)
    if not isinstance(defaults, list) or len(read_defaults(defaults)) < len(defaults):
        raise Invalid("Plugin defaults are a list of maps with `type`, a text, and `values`, an object.")
    row = ensure(name)
    row.plugin_defaults = defaults
    row.save(update_fields=["plugin_defaults"])
    return row


@transaction.atomic
def delete(*, user: Person, name: str) -> None:
    """Delete a namespace that has nothing in it and none below it; raises `NamespaceInUse`, which says what there is."""
    require(user, name, Role.OWNER)
    if Namespace.objects.filter(below(name, "name")).exclude(name=name).exists():
        raise NamespaceInUse("There are namespaces below it.")
    if Secret.objects.filter(namespace=name).exists():
        raise NamespaceInUse("There are secrets in it.")
    if files.used(name)[0]:
        raise NamespaceInUse("There are files in it.")
    for reason in guards.reasons(name):
        raise NamespaceInUse(reason)
    if not Namespace.objects.filter(name=name).delete()[0]:
        raise NoSuchNamespace
