"""Tests of the task types below `git`."""
