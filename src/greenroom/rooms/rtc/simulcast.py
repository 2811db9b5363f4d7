"""The layers of a simulcast source: those that come in, and the one that goes on."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.rooms.rtc.media import MediaPacket

MAX_LAYERS = 4
SILENCE = 1.5
"""Seconds without a packet after which a layer is taken for gone."""
KEYFRAME_INTERVAL = 0.5
"""Seconds between two requests for a keyframe of one layer."""
_CHECK_INTERVAL = 0.1


class KeyframeRequests:
    """Asks for keyframes of one layer, at most every KEYFRAME_INTERVAL.

    A wish that comes too early is kept until it may be sent, or a keyframe has come. `send` is told
    to ask, and answers whether it could.
    """

    __slots__ = ("_asked", "_send", "wanted")

    def __init__(self, send: Callable[[], bool]) -> None:
        self._send = send
        self._asked = float("-inf")
        self.wanted = False

    def request(self, now: float) -> float:
        """Ask, now or later. When `run` is due (infinity: it isn't)."""
        self.wanted = True
        return self.run(now)

    def run(self, now: float) -> float:
        """Ask if that is wanted and may be done; when this is due again (infinity: it isn't)."""
        if not self.wanted:
            return float("inf")
        if now < self._asked + KEYFRAME_INTERVAL:
            return self._asked + KEYFRAME_INTERVAL
        if self._send():
            self.wanted = False
            self._asked = now
        return float("inf")


class LayerSelection:
    """Which layer of a source goes to one peer.

    That is `target`, else the best below it that packets come of, else the smallest that is there;
    a change waits for a keyframe of the new layer, and until then the old one goes on. `current` is
    -1 before the first keyframe. Sources without layers have only layer 0.
    """

    __slots__ = ("_check_at", "_seen", "current", "target", "wished")

    def __init__(self) -> None:
        self.target = MAX_LAYERS - 1
        self.current = -1
        self.wished: int | None = None
        self._seen = [float("-inf")] * MAX_LAYERS
        self._check_at = float("-inf")

    def reset(self) -> None:
        """Another source, or this one after a pause: begin with a keyframe."""
        self.current = -1
        self.wished = None
        self._seen = [float("-inf")] * MAX_LAYERS
        self._check_at = float("-inf")

    def set_target(self, layer: int) -> None:
        """The best layer to send."""
        self.target = max(0, min(layer, MAX_LAYERS - 1))
        self._check_at = float("-inf")

    def forwards(self, packet: MediaPacket) -> bool:
        """Whether a packet goes on. `current` has changed where it is the first of another layer.

        `wished` is the layer that a keyframe should be asked of now, or None.
        """
        layer, now = packet.layer, packet.arrival
        if not 0 <= layer < MAX_LAYERS:
            return False
        self._seen[layer] = now
        self.wished = None
        if layer == self.current and now < self._check_at:
            return True
        if packet.keyframe and layer != self.current and self._is_better(layer, now):
            self.current = layer
            return True
        if now >= self._check_at:
            self._check_at = now + _CHECK_INTERVAL
            best = self._best(now)
            if best != self.current:
                self.wished = best
        return layer == self.current

    def _alive(self, layer: int, now: float) -> bool:
        return self._seen[layer] > now - SILENCE

    def _best(self, now: float) -> int:
        for layer in range(self.target, -1, -1):
            if self._alive(layer, now):
                return layer
        for layer in range(self.target + 1, MAX_LAYERS):
            if self._alive(layer, now):
                return layer
        return self.current

    def _is_better(self, layer: int, now: float) -> bool:
        """Whether to change to `layer`, of which a keyframe is here."""
        current = self.current
        if current < 0 or not self._alive(current, now):
            return True
        if current > self.target:
            return layer < current
        return current < layer <= self.target
