"""Server sessions in the database."""
