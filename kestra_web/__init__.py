"""The shell of the product: settings, URLs, ASGI, Celery, the supervisor behind `kestra-web up`.

May import every room; no room imports it.
"""
