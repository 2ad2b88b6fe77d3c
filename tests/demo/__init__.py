"""The demo: its data, its repository, its flows."""
