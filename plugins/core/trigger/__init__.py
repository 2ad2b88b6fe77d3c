"""Trigger types below `io.kestra.plugin.core.trigger`."""
