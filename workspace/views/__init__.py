"""The pages of a workspace, and what they ask for."""
