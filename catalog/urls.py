"""Addresses of the catalog."""

from __future__ import annotations

from django.urls import path

from catalog.views import compare, jump, lineage, nodes, projects

app_name = "catalog"

urlpatterns = [
    path("catalog/", projects.project_list, name="projects"),
    path("catalog/jump/", jump.jump, name="jump"),
    path("executions/<str:execution_id>/compare/", compare.compare, name="compare"),
    path("catalog/<int:project_id>/", projects.overview, name="project"),
    path("catalog/<int:project_id>/lineage/", lineage.lineage, name="lineage"),
    path("catalog/<int:project_id>/lineage/data/", lineage.data, name="lineage_data"),
    path("catalog/<int:project_id>/lineage/node/", lineage.panel, name="lineage_node"),
    path("catalog/<int:project_id>/lineage/column/", lineage.column, name="lineage_column"),
    path("catalog/<int:project_id>/nodes/<path:unique_id>/", nodes.node, name="node"),
]
