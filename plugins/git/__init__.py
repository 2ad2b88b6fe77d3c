"""Task types below `io.kestra.plugin.git`."""
