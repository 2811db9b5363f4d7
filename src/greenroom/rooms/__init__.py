"""Where media goes: rooms of the embedded server, of a real LiveKit, and recordings."""
