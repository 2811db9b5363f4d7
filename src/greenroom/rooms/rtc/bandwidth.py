"""How much the other side may send: an estimate by what is lost, told to it as REMB."""

from __future__ import annotations

_START = 2_500_000.0
_MAX = 10_000_000.0
_MIN = 150_000.0
_GROWTH = 1.08
_LITTLE_LOSS, _MUCH_LOSS = 0.02, 0.10


class BandwidthLimit:
    """Bits a second that the other side may send.

    The loss-based controller of draft-ietf-rmcat-gcc-02 section 6, once a second: grow by 8 % where
    less than 2 % are lost, shrink by half the loss where more than 10 % are. It grows only to twice
    of what comes, so that a limit that was never tried is not raised.
    """

    __slots__ = ("bitrate",)

    def __init__(self) -> None:
        self.bitrate = _START

    def update(self, received: float, lost: float) -> None:
        """The last second: bits a second that came, and the fraction (0 to 1) that was lost."""
        if lost > _MUCH_LOSS:
            self.bitrate = max(_MIN, min(self.bitrate, received * 1.5) * (1 - lost / 2))
        elif lost < _LITTLE_LOSS and received * 2 > self.bitrate:
            self.bitrate = min(_MAX, self.bitrate * _GROWTH)
