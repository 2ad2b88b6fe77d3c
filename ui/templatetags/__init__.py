"""Template tags and filters of every page: `{% load ui %}`."""
