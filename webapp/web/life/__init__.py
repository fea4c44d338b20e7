"""The life of a site: what its app runs when a process begins to serve, and when it ends."""
