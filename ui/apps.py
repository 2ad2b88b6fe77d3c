"""How Django knows this room."""

from django.apps import AppConfig


class UiConfig(AppConfig):
    name = "ui"
    default_auto_field = "django.db.models.BigAutoField"
