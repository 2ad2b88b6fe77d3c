"""Pages of flows."""
