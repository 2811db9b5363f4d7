"""What a quality and a codec of the avatar APIs mean in pixels, pictures and bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Quality: TypeAlias = Literal["low", "medium", "high"]
VideoCodec: TypeAlias = Literal["H264", "VP8", "AV1"]
"""As the contracts write them."""

LIP_SYNC_RATE = 16_000
"""Hz of the sound that lip sync hears; a frame's time is counted in these samples."""
LOOK_AHEAD = 960
"""Samples (60 ms) after a frame's own sound that lip sync may use."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """Pixels, pictures a second, and the bits a second that the encoder aims at.

    16,000 and 48,000 divide by `rate`: a picture lasts whole samples.
    """

    width: int
    height: int
    rate: int
    bitrate: int

    @property
    def samples(self) -> int:
        """Samples at LIP_SYNC_RATE that one picture lasts."""
        return LIP_SYNC_RATE // self.rate


FORMATS: dict[Quality, PictureFormat] = {
    "low": PictureFormat(360, 360, 20, 250_000),
    "medium": PictureFormat(512, 512, 25, 600_000),
    "high": PictureFormat(1280, 720, 25, 1_500_000),
}
