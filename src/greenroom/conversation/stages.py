"""How long each part of a turn took."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Stages:
    """When things happened, in the clock's seconds; None: not (yet)."""

    speech_end: float | None = None
    turn_end: float | None = None
    transcript: float | None = None
    first_token: float | None = None
    first_audio_sent: float | None = None
    first_audio_heard: float | None = None

    def after_speech_ms(self) -> dict[str, float]:
        """Each stage in ms after the end of the user's speech."""
        if self.speech_end is None:
            return {}
        named = {
            "turn_end_ms": self.turn_end,
            "transcript_ms": self.transcript,
            "first_token_ms": self.first_token,
            "first_audio_sent_ms": self.first_audio_sent,
            "first_audio_heard_ms": self.first_audio_heard,
        }
        return {
            name: round((at - self.speech_end) * 1000, 3)
            for name, at in named.items()
            if at is not None
        }
