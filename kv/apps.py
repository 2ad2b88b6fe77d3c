"""How Django knows this room."""

from django.apps import AppConfig


class KvConfig(AppConfig):
    name = "kv"
    default_auto_field = "django.db.models.BigAutoField"
