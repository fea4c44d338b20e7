"""Commands for those who write an app file."""
