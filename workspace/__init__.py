"""The workspace of a namespace: editing its files, and the Git repository that it may be bound to.

A person's worktrees, what Git says of them and the pages of both live here; which repository a namespace is bound to, and which commit it
runs, is a row of `namespaces`, so that executions know it too. May import catalog and all that it may import.
"""
