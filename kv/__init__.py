"""The key-value store of each namespace.

May import namespaces, ui and engine.
"""
