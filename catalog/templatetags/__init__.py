"""Template tags of the catalog: `{% load catalog %}`."""
