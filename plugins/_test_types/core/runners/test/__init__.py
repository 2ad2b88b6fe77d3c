"""Test types below `io.kestra.core.runners.test`."""
