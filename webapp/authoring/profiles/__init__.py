"""Chat profiles and starters, as an app file makes them."""
