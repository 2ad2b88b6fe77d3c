"""Template tags of the execution pages: `{% load executions %}`."""
