"""The pages of the catalog: projects, nodes, search, lineage, and two executions side by side."""
