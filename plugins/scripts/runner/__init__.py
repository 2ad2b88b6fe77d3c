"""Task types below `io.kestra.plugin.scripts.runner`."""
