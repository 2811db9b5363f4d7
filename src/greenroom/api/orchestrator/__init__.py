"""Contract 001: agents that talk with people in LiveKit rooms."""
