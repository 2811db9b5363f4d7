"""Speech-to-speech sessions: a person and an AI that may both speak at once, and what was said."""
