"""What an app file uses. Knows neither Flask nor the database."""
