"""What templates of the catalog write."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe

from catalog import markdown
from catalog.graph import Member
from catalog.models import Node, NodeRun
from catalog.painting import FRESHNESS
from ui import formats

register = template.Library()

KIND_ICONS = {
    "model": "box",
    "source": "database",
    "seed": "file-text",
    "snapshot": "history",
    "exposure": "chart-column",
    "test": "flask-conical",
    "unit_test": "flask-conical",
    "metric": "gauge",
    "semantic_model": "layers",
    "saved_query": "bookmark",
    "analysis": "scan-search",
    "operation": "zap",
}


@register.filter
def docs(text: str) -> SafeString:
    """A description as dbt's users write it, in Markdown."""
    return mark_safe(markdown.rendered(text))  # noqa: S308 -- rendered without HTML of its own


@register.filter
def kind_icon(kind: str) -> str:
    """The icon of a kind of node."""
    return KIND_ICONS.get(kind, "circle")


@register.filter
def words(kind: str) -> str:
    """`semantic_model` as `semantic model`."""
    return kind.replace("_", " ")


@register.filter
def fresh_state(status: str) -> str:
    """dbt's word for freshness as one of our states."""
    return FRESHNESS.get(status, "SKIPPED")


@register.filter
def fresh_word(status: str) -> str:
    """dbt's word for freshness as people say it."""
    return {"pass": "Fresh", "warn": "Late", "error": "Too late", "runtime error": "Not known"}.get(status, status)


@register.simple_tag
def node_url(project_id: int, unique_id: str, version: int | None = None) -> str:
    """The address of a node's page, of a version where one is given."""
    url = reverse("catalog:node", args=[project_id, unique_id])
    return f"{url}?version={version}" if version else url


@register.filter
def limit(value: Any) -> str:
    """`{"count": 36, "period": "hour"}` as `36 hours`."""
    if not isinstance(value, dict) or not isinstance(value.get("count"), int):
        return ""
    return formats.plural(value["count"], str(value.get("period", "")))


@register.simple_tag
def lineage_url(node: Node, version: int | None = None) -> str:
    """The lineage around a node, two steps either way."""
    query = {"select": f"2+{_selector(node)}+2", "node": node.unique_id, **({"version": version} if version else {})}
    return f"{reverse('catalog:lineage', args=[node.project_id])}?{urlencode(query)}"


@register.simple_tag
def column_url(project_id: int, node: Node | Member, column: str) -> str:
    """The lineage of a column, among all that its node is made of and all that is made of it."""
    query = {"select": f"+{_selector(node)}+", "node": node.unique_id, "column": column.lower()}
    return f"{reverse('catalog:lineage', args=[project_id])}?{urlencode(query)}"


def _selector(node: Node | Member) -> str:
    """What selects a node alone."""
    return f"{node.kind}:{node.name}" if node.kind in ("source", "exposure", "metric", "semantic_model", "saved_query") else node.name


@register.filter
def bars(runs: list[NodeRun], what: str = "seconds") -> list[dict[str, Any]]:
    """The last runs, oldest first, as bars in percent: their height is the duration or the number of rows."""
    values = [getattr(run, what) for run in runs]
    most = max((value for value in values if value), default=0) or 1
    width = 100 / max(len(runs), 20)
    made = []
    for place, (run, value) in enumerate(zip(reversed(runs), reversed(values), strict=True)):
        height = max((value or 0) / most * 48, 2)
        said = formats.duration(value) if what == "seconds" else f"{formats.number(value)} rows" if value is not None else "rows not told"
        made.append(
            {
                "state": run.state,
                "x": f"{place * width:.2f}%",
                "width": f"{width * 0.72:.2f}%",
                "y": 52 - height,
                "height": height,
                "said": said,
                "run": run,
            }
        )
    return made


WAYS = {
    "new": "only here",
    "gone": "not here",
    "state": "ended otherwise",
    "sql": "other SQL",
    "definition": "other definition",
    "slower": "slower",
    "faster": "faster",
    "rows": "other rows",
}


@register.filter
def way(name: str) -> str:
    """How a node differs, in words."""
    return WAYS.get(name, name)


@register.filter
def signed_seconds(value: float | None) -> str:
    """A difference of durations with its sign: `+1.2 s`; nothing for none, or one too small to see."""
    if value is None or abs(value) < 0.05:
        return ""
    return f"{'+' if value > 0 else '−'}{formats.duration(abs(value))}"


@register.filter
def signed_number(value: float | None) -> str:
    """A difference of counts with its sign; nothing for none."""
    return f"{'+' if value > 0 else '−'}{formats.number(abs(value))}" if value else ""
