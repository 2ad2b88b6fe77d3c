"""What changes people, namespaces, members, secrets and tokens: one module for each noun, keyword-only, rights checked inside."""
