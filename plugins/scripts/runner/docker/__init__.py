"""The Docker task runner."""
