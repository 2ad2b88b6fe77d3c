"""The shell of the product: settings, URLs, ASGI, Celery, the supervisor behind `kestra-web up`.

May import every room; no room imports it.
"""

from kestra_web.celery import app as celery_app  # whoever sends a message must have our application as Celery's current one

__all__ = ["celery_app"]
