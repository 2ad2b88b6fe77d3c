"""Tests of the task types below `scripts`."""
