"""Condition types below `io.kestra.plugin.core.condition`."""
