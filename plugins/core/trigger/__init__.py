"""What starts a flow by itself."""
