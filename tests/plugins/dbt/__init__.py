"""Tests of the task types below `dbt`."""
