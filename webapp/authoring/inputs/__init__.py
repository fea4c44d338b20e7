"""What a user can set beside the composer: settings, commands and modes."""
