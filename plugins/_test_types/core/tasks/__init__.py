"""Test types below `io.kestra.core.tasks`."""
