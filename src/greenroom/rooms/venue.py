"""Where an avatar is seen and heard: a room, an Agora channel, a recording, a viewer's browser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

from greenroom.audio.pcm import Pcm
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import Codec

VENUE_RATE = 48_000
"""Hz of the sound that venues take."""

OnGone: TypeAlias = Callable[[str], None]
"""Told once, with why (in words for a log and a client), when a venue has ended by itself."""


@dataclass(frozen=True, slots=True)
class VenuePicture:
    """What the avatar's picture is, at every venue."""

    codec: Codec
    width: int
    height: int
    rate: int


class Venue(Protocol):
    """Takes an avatar's sound and pictures as they play. Its owner closes it.

    All calls but `close` are plain and quick, for the event loop. What is handed over in the same
    turn of the event loop is to be heard and seen at the same time. A venue that is slow or has
    nobody in it drops what it can't use; it never holds up the avatar.
    """

    @property
    def name(self) -> str:
        """What it is, in a word, for logs and documents."""
        ...

    @property
    def keyframe_wanted(self) -> bool:
        """Whether somebody there can't see until a keyframe comes."""
        ...

    def play(self, pcm: Pcm) -> None:
        """Sound at VENUE_RATE that plays now. Where none is handed over there is silence."""
        ...

    def show(self, frame: EncodedFrame) -> None:
        """A picture that is seen now; `frame.time` is the media time in seconds."""
        ...

    def flush(self) -> None:
        """Silence at once: sound that was handed over and has not left is dropped."""
        ...

    async def close(self) -> None:
        """Leave. Harmless twice."""
        ...


@runtime_checkable
class TokenVenue(Protocol):
    """A venue that its avatar may be in for as long as a token is good."""

    def renew(self, token: str) -> None:
        """A new token, before or after the old one has run out."""
        ...
