"""Templates: tasks that several flows share, put in where a flow names them each time it is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet
from django.utils import timezone

from engine.document import Problem
from flows.models import Template
from flows.validation import InvalidFlow, validate
from namespaces import rights
from namespaces.models import Role
from namespaces.rights import Person
from namespaces.services.tree import ensure
from plugins.catalog import canonical
from ui.errors import Missing

TYPE = "io.kestra.plugin.core.flow.Template"
FIELDS = ("id", "namespace", "description", "tasks", "errors")
DEEPEST = 5  # templates inside templates


class TemplateMissing(Missing):
    """Requested Template is not found."""


# --- changing


def create(*, user: Person, source: str) -> Template:
    """A new template. Raises InvalidFlow (also when the id is taken) and what `namespaces.rights` raises."""
    namespace, template_id, raw = _checked(user, source)
    ensure(namespace)
    row = Template(namespace=namespace, template_id=template_id)
    try:
        with transaction.atomic():
            return _save(row, source, raw)
    except IntegrityError as error:
        raise InvalidFlow([Problem("Template id already exists", 1, 1, "template.id")]) from error


def update(*, user: Person, namespace: str, template_id: str, source: str) -> Template:
    """The template with a new source. Raises TemplateMissing, InvalidFlow and what `rights` raises."""
    rights.require(user, namespace, Role.MEMBER)
    row = template(user, namespace, template_id)
    found_namespace, found_id, raw = _checked(user, source)
    if found_id != template_id:
        raise InvalidFlow([Problem("Illegal template id update", 1, 1, "template.id")])
    if found_namespace != namespace:
        raise InvalidFlow([Problem("Illegal namespace update", 1, 1, "template.namespace")])
    return _save(row, source, raw)


def delete(*, user: Person, namespace: str, template_id: str) -> None:
    """Remove a template; flows that name it fail there from now on. Raises TemplateMissing and what `rights` raises."""
    rights.require(user, namespace, Role.MEMBER)
    template(user, namespace, template_id).delete()


def _save(row: Template, source: str, raw: dict[str, Any]) -> Template:
    row.source, row.raw, row.description, row.updated = source, raw, str(raw.get("description") or ""), timezone.now()
    row.save()
    return row


def _checked(user: Person, source: str) -> tuple[str, str, dict[str, Any]]:
    """Namespace, id and mapping of a source: it is a flow that knows fewer properties."""
    outcome = validate(source)
    if outcome.flow is not None:
        rights.require(user, outcome.flow.namespace, Role.MEMBER)
    if outcome.flow is None or not outcome.valid:
        raise InvalidFlow(outcome.problems)
    raw = dict(outcome.flow.raw)
    unknown = [name for name in raw if name not in FIELDS]
    if unknown:
        known = ", ".join(f'"{name}"' for name in FIELDS)
        message = f'Unrecognized field "{unknown[0]}" (class io.kestra.core.models.templates.Template), not marked as ignorable '
        raise InvalidFlow([Problem(f"{message}({len(FIELDS)} known properties: {known})", 1, 1, unknown[0])])
    return outcome.flow.namespace, outcome.flow.id, raw


# --- reading


def template(user: Person, namespace: str, template_id: str) -> Template:
    """One template; raises TemplateMissing where there is none or it is not to be seen."""
    row = rights.filter_readable(Template.objects.filter(namespace=namespace, template_id=template_id), user).first()
    if row is None:
        raise TemplateMissing
    return row


def search(user: Person, q: str = "", namespace: str = "") -> QuerySet[Template]:
    """Templates that `user` may see: `q` in id, namespace or description, inside a namespace."""
    rows = rights.filter_readable(Template.objects.all(), user)
    for word in q.split():
        rows = rows.filter(Q(template_id__icontains=word) | Q(namespace__icontains=word) | Q(description__icontains=word))
    return rows.filter(Q(namespace=namespace) | Q(namespace__startswith=f"{namespace}.")) if namespace else rows


def version() -> str:
    """Something that changes with every template."""
    seen = Template.objects.aggregate(last=Max("updated"), count=Count("id"))
    return f"{seen['count']} {seen['last']}"


# --- in flows


def named_in(value: Any) -> Iterator[str]:
    """The namespaces of the templates that a flow, or a part of it, names."""
    if isinstance(value, Mapping):
        if _is_template(value):
            yield str(value.get("namespace"))
        for item in value.values():
            yield from named_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from named_in(item)


def expanded(value: Any, depth: int = 0) -> Any:
    """The same part of a flow with the tasks of templates where they are named; one that is not there is left without."""
    if isinstance(value, list):
        return [expanded(item, depth) for item in value]
    if not isinstance(value, Mapping):
        return value
    own = {key: expanded(item, depth) for key, item in value.items()}
    return {**own, **_tasks_of(value, depth)} if _is_template(value) and depth < DEEPEST else own


def _tasks_of(value: Mapping[str, Any], depth: int) -> dict[str, Any]:
    row = Template.objects.filter(namespace=str(value.get("namespace")), template_id=str(value.get("templateId"))).first()
    if row is None:
        return {}
    tasks = {"tasks": expanded(row.raw.get("tasks") or [], depth + 1)}
    errors = [*(row.raw.get("errors") or []), *(value.get("errors") or [])]
    return {**tasks, "errors": expanded(errors, depth + 1)} if errors else tasks


def _is_template(value: Mapping[str, Any]) -> bool:
    return isinstance(value.get("type"), str) and canonical(value["type"]) == TYPE
