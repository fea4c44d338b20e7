"""The database: engines, connections, schema, and the commands about it."""
