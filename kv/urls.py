"""Addresses of the key-value store."""

from __future__ import annotations

from django.urls import path

from kv import views

app_name = "kv"

urlpatterns = [
    path("namespaces/<str:namespace>/kv/", views.keys, name="list"),
    path("namespaces/<str:namespace>/kv/put/", views.put, name="put"),
    path("namespaces/<str:namespace>/kv/<str:key>/delete/", views.delete, name="delete"),
]
