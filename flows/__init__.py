"""Flows as people edit them: revisions, validation, completion, editor, topology.

May import namespaces, plugins, ui and engine.
"""
