"""Task types below `io.kestra.plugin.dbt.cloud`."""
