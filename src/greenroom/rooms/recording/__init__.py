"""Recordings: a session written to one file while it happens."""
