"""Where an avatar plays: one media clock for its voice and its face, and a session's life."""
