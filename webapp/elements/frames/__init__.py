"""Frames for what runs scripts of others: charts and diagrams. Their origin is nobody's."""
