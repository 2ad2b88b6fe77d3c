"""Pages of people and namespaces: each view parses, asks a service or selector, renders."""
