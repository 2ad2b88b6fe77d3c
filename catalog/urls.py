"""Addresses of the catalog."""

from __future__ import annotations

from django.urls import path

from catalog.views import compare, lineage, nodes, projects

app_name = "catalog"

urlpatterns = [
    path("catalog/", projects.project_list, name="projects"),
    path("executions/<str:execution_id>/compare/", compare.compare, name="compare"),
    path("catalog/<int:project_id>/", projects.overview, name="project"),
    path("catalog/<int:project_id>/lineage/", lineage.lineage, name="lineage"),
    path("catalog/<int:project_id>/lineage/data/", lineage.data, name="lineage_data"),
    path("catalog/<int:project_id>/lineage/node/", lineage.panel, name="lineage_node"),
    path("catalog/<int:project_id>/nodes/<path:unique_id>/", nodes.node, name="node"),
]
