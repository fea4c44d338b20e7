"""The life of a site: what runs when it starts and ends, and its log."""
