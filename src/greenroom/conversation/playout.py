"""What a listener has heard, told from what was sent to them and when."""

from __future__ import annotations

import asyncio

from greenroom.providers.clock import Clock, Timer


class PlayoutClock:
    """The listener's position in the current reply.

    A remote listener is taken to play what arrives without delay, one piece after another, and to
    wait where nothing has arrived. One who reports positions (`report`) is believed instead: the
    estimate goes on from the last report. All lengths are ms of audio.
    """

    __slots__ = (
        "_anchor_position",
        "_anchor_time",
        "_clock",
        "_first_heard",
        "_first_sent",
        "_queued",
        "_reported",
        "_sent",
        "_timer",
        "_waiter",
    )

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.begin()

    def begin(self) -> None:
        """A new reply: nothing of it was queued, sent or heard."""
        self._queued = self._sent = self._anchor_position = 0.0
        self._anchor_time = self._clock.time()
        self._first_sent: float | None = None
        self._first_heard: float | None = None
        self._reported = False
        self._wake()

    def queued(self, ms: float) -> None:
        """More audio was accepted; it may be sent later."""
        self._queued += ms

    def sent(self, ms: float) -> None:
        """More of the queued audio has left for the listener."""
        now = self._clock.time()
        position = self.played_ms()
        if position >= self._sent:  # the listener had run dry, and starts again with this piece
            self._anchor_position, self._anchor_time = position, now
        self._sent += ms
        if self._first_sent is None:
            self._first_sent = self._first_heard = now
        self._wake()

    def report(self, played_ms: float) -> None:
        """The listener says how much of the reply they have heard."""
        now = self._clock.time()
        self._anchor_position = min(max(played_ms, 0.0), self._sent)
        self._anchor_time = now
        if not self._reported and self._first_sent is not None and played_ms > 0:
            self._reported = True
            self._first_heard = max(self._first_sent, now - played_ms / 1000)
        self._wake()

    def flush(self) -> float:
        """Nothing more will be heard: the position at which the listener stopped."""
        played = self.played_ms()
        self._queued = self._sent = self._anchor_position = played
        self._wake()
        return played

    def played_ms(self) -> float:
        """How much of the reply has been heard by now."""
        run = (self._clock.time() - self._anchor_time) * 1000
        return min(self._sent, self._anchor_position + run)

    def first_times(self) -> tuple[float | None, float | None]:
        """When the first audio was sent and heard, in the clock's seconds."""
        return self._first_sent, self._first_heard

    async def wait_until_ahead(self, ms: float) -> None:
        """Return when at most `ms` of the queued audio are unheard. One waiter at a time."""
        # The position is read once a round: a clock that moves between two readings could say first
        # that something is left to hear, and then that nothing is left to wait for.
        while (surplus := self._queued - (played := self.played_ms()) - ms) > 1e-6:
            self._waiter = asyncio.get_running_loop().create_future()
            if self._sent > played:  # the position moves by itself
                self._timer = self._clock.call_at(self._clock.time() + surplus / 1000, self._wake)
            try:
                await self._waiter
            finally:
                self._waiter = None
                if self._timer is not None:
                    self._timer.cancel()
                    self._timer = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
