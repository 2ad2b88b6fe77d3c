"""What every page shares: the htmx helper, the error middleware, tags, pagination.

May import engine.
"""
