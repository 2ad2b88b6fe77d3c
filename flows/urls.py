"""Addresses of flows: their pages, the editor, revisions and the reference of task types."""

from __future__ import annotations

from django.urls import path

from flows.views import editor, pages, reference, revisions

app_name = "flows"

urlpatterns = [
    path("flows/new/", editor.new, name="new"),
    path("flows/validate/", editor.validate, name="validate"),
    path("flows/format/", editor.tidy, name="format"),
    path("flows/schema.json", reference.schema, name="schema"),
    path("flows/<str:namespace>/<str:flow_id>/", pages.overview, name="detail"),
    path("flows/<str:namespace>/<str:flow_id>/editor/", editor.edit, name="editor"),
    path("flows/<str:namespace>/<str:flow_id>/save/", editor.save, name="save"),
    path("flows/<str:namespace>/<str:flow_id>/topology/", pages.topology, name="topology"),
    path("flows/<str:namespace>/<str:flow_id>/revisions/", revisions.compared, name="revisions"),
    path("flows/<str:namespace>/<str:flow_id>/restore/", revisions.restore, name="restore"),
    path("flows/<str:namespace>/<str:flow_id>/delete/", pages.delete, name="delete"),
    path("flows/<str:namespace>/<str:flow_id>/disable/", pages.disable, name="disable"),
    path("flows/<str:namespace>/<str:flow_id>/enable/", pages.enable, name="enable"),
    path("plugins/", reference.types, name="plugins"),
    path("plugins/<str:type_>/", reference.one, name="plugin"),
]
