"""Dashboards: kept for everybody to read; whoever made one changes it, and so may administrators. Charts show what one may see."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from executions import world
from executions.dashboard_schema import Chart, InvalidDashboard, dashboard
from executions.models import Dashboard
from namespaces.models import User
from ui.errors import Forbidden, Missing


class NotYours(Forbidden):
    """Only whoever made a dashboard, or an administrator, changes it."""


def search(query: str = "") -> QuerySet[Dashboard]:
    """Those whose title, description or id contains a text."""
    return Dashboard.objects.filter(Q(title__icontains=query) | Q(description__icontains=query) | Q(id__icontains=query))


def find(dashboard_id: str) -> Dashboard:
    """One dashboard. Raises Missing."""
    row = Dashboard.objects.filter(pk=dashboard_id).first()
    if row is None:
        raise Missing(f"There is no dashboard '{dashboard_id[:100]}'")
    return row


def chart_of(dashboard_id: str, chart_id: str) -> tuple[Chart, Dashboard]:
    """One chart of a dashboard. Raises Missing."""
    row = find(dashboard_id)
    chart = next((one for one in dashboard(row.source).charts if one.id == chart_id), None)
    if chart is None:
        raise Missing(f"The dashboard '{row.id}' has no chart '{chart_id[:100]}'")
    return chart, row


def create(*, user: User, source: str) -> Dashboard:
    """A new dashboard, with an id of its own where its source names none. Raises InvalidDashboard."""
    written = dashboard(source)
    row = Dashboard(id=written.id or world.new_id(), created_by=user)
    try:
        with transaction.atomic():
            return _save(row, source, new=True)
    except IntegrityError as error:
        raise InvalidDashboard("dashboard.id: Dashboard id already exists") from error


def update(*, user: User, dashboard_id: str, source: str) -> Dashboard:
    """The dashboard with another source. Raises Missing, NotYours, InvalidDashboard."""
    row = _own(user, dashboard_id)
    if dashboard(source).id not in (None, row.id):
        raise InvalidDashboard("dashboard.id: Illegal dashboard id update")
    return _save(row, source)


def delete(*, user: User, dashboard_id: str) -> None:
    """Remove a dashboard. Raises Missing, NotYours."""
    _own(user, dashboard_id).delete()


def _own(user: User, dashboard_id: str) -> Dashboard:
    row = find(dashboard_id)
    if row.created_by_id != user.pk and not user.is_admin:
        raise NotYours
    return row


def _save(row: Dashboard, source: str, *, new: bool = False) -> Dashboard:
    written = dashboard(source)
    row.title, row.description, row.source, row.updated = written.title, written.description or "", source, timezone.now()
    row.save(force_insert=new)
    return row
