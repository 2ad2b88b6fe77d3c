"""What dbt knows: projects, their nodes and columns, lineage, tests, freshness and run history, taken from what dbt tasks leave.

May import executions and all that it may import.
"""
