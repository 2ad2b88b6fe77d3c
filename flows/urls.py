"""Addresses of flows: their pages, the editor, revisions and the reference of task types."""

from __future__ import annotations

from django.urls import path

from flows.views import editor, namespace_values, pages, pictures, reference, revisions, transfer

app_name = "flows"

urlpatterns = [
    path("flows/new/", editor.new, name="new"),
    path("flows/import/", transfer.bring_in, name="import"),
    path("flows/validate/", editor.validate, name="validate"),
    path("flows/format/", editor.tidy, name="format"),
    path("flows/draw/", pictures.draw_source, name="draw"),
    path("flows/schema.json", reference.schema, name="schema"),
    path("flows/<str:namespace>/<str:flow_id>/", pages.overview, name="detail"),
    path("flows/<str:namespace>/<str:flow_id>/editor/", editor.edit, name="editor"),
    path("flows/<str:namespace>/<str:flow_id>/save/", editor.save, name="save"),
    path("flows/<str:namespace>/<str:flow_id>/export/", transfer.export_flow, name="export_flow"),
    path("flows/<str:namespace>/<str:flow_id>/topology/", pictures.topology_page, name="topology"),
    path("flows/<str:namespace>/<str:flow_id>/topology/node/", pictures.topology_node, name="topology_node"),
    path("flows/<str:namespace>/<str:flow_id>/dependencies/", pictures.dependencies, name="dependencies"),
    path("namespaces/<str:namespace>/dependencies/", pictures.namespace_dependencies, name="namespace_dependencies"),
    path("flows/<str:namespace>/<str:flow_id>/revisions/", revisions.compared, name="revisions"),
    path("flows/<str:namespace>/<str:flow_id>/restore/", revisions.restore, name="restore"),
    path("flows/<str:namespace>/<str:flow_id>/delete/", pages.delete, name="delete"),
    path("flows/<str:namespace>/<str:flow_id>/disable/", pages.disable, name="disable"),
    path("flows/<str:namespace>/<str:flow_id>/enable/", pages.enable, name="enable"),
    path("namespaces/<str:namespace>/flows/export/", transfer.export_namespace, name="export_namespace"),
    path("namespaces/<str:namespace>/variables/", namespace_values.variables, name="namespace_variables"),
    path("namespaces/<str:namespace>/plugin-defaults/", namespace_values.plugin_defaults, name="namespace_plugin_defaults"),
    path("plugins/", reference.types, name="plugins"),
    path("plugins/<str:type_>/", reference.one, name="plugin"),
]
