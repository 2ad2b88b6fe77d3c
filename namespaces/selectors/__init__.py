"""What reads people, namespaces, members and secrets for pages and for other rooms."""
