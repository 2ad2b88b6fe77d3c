"""Reading flows: rows as they stand, and the same as the engine's values."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django.db.models import Q, QuerySet

from engine.defaults import PluginDefault
from engine.document import Flow as FlowDocument
from engine.parser import parse
from engine.yaml_ import load
from flows import models, templates
from flows.validation import InvalidFlow, defaults_for
from namespaces import rights
from plugins.catalog import CATALOG
from ui.errors import Missing

FLOW_TRIGGER = "io.kestra.plugin.core.trigger.Flow"
KEPT = 500  # parsed revisions that are remembered
Key = tuple[int, str, str]


class FlowMissing(Missing):
    """Requested Flow is not found."""


def flow(namespace: str, flow_id: str) -> models.Flow:
    """The flow as it stands; raises FlowMissing where it never was or is deleted."""
    row = models.Flow.objects.filter(namespace=namespace, flow_id=flow_id, deleted=False).first()
    if row is None:
        raise FlowMissing
    return row


def flow_revision(namespace: str, flow_id: str, number: int | None = None) -> models.Revision:
    """One revision, also of a deleted flow; without a number the current one of a flow that is there. Raises FlowMissing."""
    if number is None:
        number = flow(namespace, flow_id).revision
    row = models.Revision.objects.filter(flow__namespace=namespace, flow__flow_id=flow_id, number=number).select_related("flow").first()
    if row is None:
        raise FlowMissing
    return row


def search(user: Any, q: str = "", namespace: str = "", labels: Mapping[str, str] | None = None) -> QuerySet[models.Flow]:
    """Flows that `user` may see: `q` in id, namespace or description, inside a namespace, with all of these labels."""
    rows = rights.filter_readable(models.Flow.objects.filter(deleted=False), user)
    for word in q.split():
        rows = rows.filter(Q(flow_id__icontains=word) | Q(namespace__icontains=word) | Q(description__icontains=word))
    if namespace:
        rows = rows.filter(Q(namespace=namespace) | Q(namespace__startswith=f"{namespace}."))
    wanted = dict(labels or {})
    if wanted:
        found = [row_id for row_id, own in rows.values_list("id", "labels") if all(own.get(key) == value for key, value in wanted.items())]
        rows = rows.filter(id__in=found)
    return rows.order_by("namespace", "flow_id")


def sources(namespace: str, *, below: bool = False) -> QuerySet[models.Flow]:
    """The flows that stand in a namespace, or also below it, by name."""
    inside = Q(namespace=namespace) | Q(namespace__startswith=f"{namespace}.") if below else Q(namespace=namespace)
    return models.Flow.objects.filter(inside, deleted=False).order_by("namespace", "flow_id")


def listeners() -> list[tuple[str, str, int]]:
    """Namespace, id and revision of the flows that have Flow triggers."""
    rows = models.Flow.objects.filter(listens=True, deleted=False, disabled=False).order_by("namespace", "flow_id")
    return list(rows.values_list("namespace", "flow_id", "revision"))


def somebody_listens() -> bool:
    """Whether there are such flows."""
    return models.Flow.objects.filter(listens=True, deleted=False, disabled=False).exists()


class _Parsed:
    """The last flows that were parsed, by revision and plugin defaults."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, FlowDocument] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> FlowDocument | None:
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: Key, value: FlowDocument) -> None:
        with self._lock:
            self._kept[key] = value
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)


_parsed = _Parsed()


def _digest(defaults: list[PluginDefault]) -> str:
    return json.dumps([[one.type, one.forced, one.values] for one in defaults], sort_keys=True, default=str) if defaults else ""


def parsed(namespace: str, flow_id: str, revision: int | None = None) -> FlowDocument:
    """A stored flow as the engine's value, with today's plugin defaults.

    Read leniently: properties that nobody knows any more do no harm. Raises FlowMissing, or InvalidFlow where it cannot be run at all.
    """
    row = flow_revision(namespace, flow_id, revision)
    defaults = defaults_for(namespace)
    # Not the primary key: one that was rolled back is given again, to another source.
    key = (row.number, row.source, _digest(defaults) + _templates_of(row.source))
    found = _parsed.get(key)
    if found is None:
        found = _parse(row, defaults)
        _parsed.put(key, found)
    return found


def _templates_of(source: str) -> str:
    """What the parsed flow depends on where it names templates; empty where it does not."""
    return templates.version() if "Template" in source else ""


def _parse(row: models.Revision, defaults: list[PluginDefault]) -> FlowDocument:
    read = load(row.source)
    if "Template" in row.source:
        read.value = templates.expanded(read.value)
    document, problems = parse(read, catalog=CATALOG, defaults=defaults, strict=False)
    if document is None:
        raise InvalidFlow(problems)
    return replace(document, revision=row.number)  # whatever the source says


def mapping(source: str) -> dict[str, Any]:
    """The plain mapping that a source holds; empty where it holds none."""
    value = load(source).value
    return value if isinstance(value, dict) else {}


def find_task(node: Any, task_id: str) -> dict[str, Any] | None:
    """The first task with this id in a flow's mapping, depth first: the very mapping, not a copy."""
    if isinstance(node, dict):
        if node.get("id") == task_id and isinstance(node.get("type"), str) and "." in node["type"]:
            return node
        nested = [value for key, value in node.items() if key not in ("inputs", "triggers", "outputs")]
    else:
        nested = node if isinstance(node, list) else []
    return next((found for value in nested if (found := find_task(value, task_id)) is not None), None)
