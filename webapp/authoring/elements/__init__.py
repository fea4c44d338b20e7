"""What a message shows beside its text: files, pictures, tables and charts."""
