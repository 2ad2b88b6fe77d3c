"""The Kestra-compatible HTTP API: doors into the services of the apps, no logic of its own.

May import every app.
"""
