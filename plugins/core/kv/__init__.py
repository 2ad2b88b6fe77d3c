"""Task types below `io.kestra.plugin.core.kv`."""
