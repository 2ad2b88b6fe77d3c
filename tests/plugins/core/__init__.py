"""Tests of the task types below `core`."""
