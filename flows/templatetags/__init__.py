"""Template tags of the flow pages."""
