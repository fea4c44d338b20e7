"""Other versions of what was written: pages of earlier ones, and the form for a new one."""
