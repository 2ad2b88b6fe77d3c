"""The tree of namespaces: people, members and roles, files, secrets, variables, plugin defaults.

May import ui and engine.
"""
