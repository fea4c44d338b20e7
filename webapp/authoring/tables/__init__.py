"""Tables as files: how an app's data is stored, and how its cells read."""
