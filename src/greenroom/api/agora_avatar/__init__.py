"""Contract 000: an avatar session in one step."""
