"""What users think of answers: rated, told to the app, and exported."""
