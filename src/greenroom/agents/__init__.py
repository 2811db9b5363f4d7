"""What thinks: the agent port and its providers."""
