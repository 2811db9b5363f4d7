"""Rooms of a real LiveKit server, joined through its official SDK."""
