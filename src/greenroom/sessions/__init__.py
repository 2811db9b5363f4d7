"""What a session is, what may happen to it, and its journal."""
