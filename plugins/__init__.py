"""What each task type does: one file a type, found by its path.

Imports engine only; never Django, Channels, Celery or Redis. A plugin sees the world through `contract.RunContext`.
"""
