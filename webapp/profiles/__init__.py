"""What you may pick."""
