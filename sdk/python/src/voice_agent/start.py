"""What `session.start` asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

AudioFormat: TypeAlias = Literal["mp3", "pcm16"]

SERVER_EVENTS = ("agent.interrupted", "playback")
EVENTS = (*SERVER_EVENTS, "reconnected")
"""The last is made here, not by the server."""

RATES = (8_000, 48_000)
"""Hz, least and most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartOptions:
    """Checked when made. Raises ValueError that names the option."""

    session_id: str | None = None
    context: Mapping[str, Any] | None = None
    user_id: str | None = None
    voice: str | None = None
    audio_format: AudioFormat = "mp3"
    sample_rate: int | None = None
    interim: bool = False
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.audio_format not in {"mp3", "pcm16"}:
            raise ValueError(f"audio_format is {self.audio_format!r}, not 'mp3' or 'pcm16'")
        if self.sample_rate is not None:
            if self.audio_format != "pcm16":
                raise ValueError("sample_rate is for audio_format='pcm16' only")
            check_rate(self.sample_rate)
        for event in self.events:
            if event not in EVENTS:
                raise ValueError(f"events has {event!r}; known: {', '.join(EVENTS)}")

    def message(self, session_id: str | None) -> str:
        """The `session.start` for a session (None: the token says which)."""
        data: dict[str, Any] = {
            "session_id": session_id or self.session_id,
            "user_id": self.user_id,
            "context": self._context(),
            "sample_rate": self.sample_rate,
            "events": [event for event in self.events if event in SERVER_EVENTS] or None,
        }
        data = {name: value for name, value in data.items() if value is not None}
        if self.audio_format != "mp3":
            data["audio_format"] = self.audio_format
        if self.interim:
            data["interim"] = True
        return json.dumps({"type": "session.start", "data": data}, allow_nan=False)

    def _context(self) -> dict[str, Any] | None:
        if self.voice is None:
            return None if self.context is None else dict(self.context)
        context = dict(self.context or {})
        context["preferences"] = {**(context.get("preferences") or {}), "voice": self.voice}
        return context


def check_rate(rate: int) -> None:
    """Raise ValueError for a sample rate that the API does not carry."""
    low, high = RATES
    if not isinstance(rate, int) or not low <= rate <= high:
        raise ValueError(f"sample_rate is {rate} Hz; it must be {low} to {high}")
