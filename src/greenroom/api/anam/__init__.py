"""Contract 002: an avatar session in two steps."""
