"""Task types that speak HTTP."""
