"""A room server that the official LiveKit clients take for LiveKit."""
