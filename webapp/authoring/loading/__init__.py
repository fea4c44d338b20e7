"""Loading an app file: its callbacks, their signatures, and errors that say what to change."""
