"""Task runners below `io.kestra.plugin.core.runner`."""
