"""Addresses of workspaces."""

from __future__ import annotations

from django.urls import URLPattern, path

from workspace.views import saving

app_name = "workspace"

_HERE = "workspace/<str:namespace>/"
urlpatterns: list[URLPattern] = [
    path(f"{_HERE}text/", saving.text, name="text"),
    path(f"{_HERE}drafts/", saving.unsaved, name="drafts"),
    path(f"{_HERE}draft/", saving.keep, name="keep_draft"),
    path(f"{_HERE}draft/drop/", saving.drop, name="drop_draft"),
    path(f"{_HERE}save/", saving.save, name="save"),
]
