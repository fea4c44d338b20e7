"""Forms with files, of which only a piece is in memory at any time."""
