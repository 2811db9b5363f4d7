"""A duplex model made of parts: voice activity, a recogniser, an agent and a synthesizer."""
