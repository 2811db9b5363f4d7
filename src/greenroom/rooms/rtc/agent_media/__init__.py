"""The agent's own ends of a room's media: its voice and picture out, what it hears and sees in."""
