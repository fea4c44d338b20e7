"""What users may attach to their messages, and how the app gets it."""
