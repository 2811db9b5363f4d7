"""What an agent hears of one track: Opus packets in, as the network brings them; samples out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.audio.resample import Resampler
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.rtc.agent_media.opus import (
    CLOCK_RATE,
    FRAME_TICKS,
    MAX_TICKS,
    opus_decoder,
)
from greenroom.rooms.rtc.agent_media.sound_queue import coding_rate
from greenroom.rooms.rtc.media import MediaPacket

MAX_HELD = 3
"""Packets that wait for a missing one."""
MAX_WAIT = 0.06
"""Seconds that they wait."""
MAX_FILL_TICKS = CLOCK_RATE
"""A gap in the sender's time of up to one second is filled; in a longer one the sender paused, and
nothing is handed over for what remains of it."""
CONCEALED_TICKS = 3 * FRAME_TICKS
"""Of a loss too long to be concealed as one, what is concealed at its beginning; then silence."""
MAX_SURPLUS_TICKS = 5 * CLOCK_RATE
"""Sound ahead of the clock: a network that stood still may bring so much at once. A sender that
claims more time than passes gets no more of it handed over."""
RESTART_DISTANCE = 1_000
"""Sequence numbers, 20 s: a packet so far off belongs to another stream."""
RESTART_AFTER_LATE = 10
"""So many late packets with none in time between them: the stream has begun again, further back."""
SUPPRESSED_BYTES = 2
"""A packet no larger says that the encoder falls silent and sends nothing for a while (DTX)."""
SUPPRESSION_MARGIN = 0.04
"""Seconds that a packet may be late before the silence of a suppressed one is handed over."""


class SoundSink:
    """A MediaSink of Opus that hands over int16 mono at `rate` Hz, by plain calls of `on_pcm`.

    Packets in order are decoded at once: nothing is added to their delay (at rates that Opus
    doesn't know, a resampler's 5 to 40 ms are). For a missing one those after it wait, MAX_HELD of
    them or MAX_WAIT; then it is concealed, with its repetition in the next packet where there is
    one. The samples handed over follow the timestamps: what is lost or not sent is made up for, so
    an hour of the sender's is an hour here. Silence that the sender doesn't send (DTX) is handed
    over in real time, a second of it at most. About 60 us a packet. `clock` owns the waiting.
    """

    def __init__(self, rate: int, on_pcm: Callable[[Pcm], object], clock: Clock) -> None:
        self._on_pcm, self._clock = on_pcm, clock
        self._decoding_rate = coding_rate(rate) if rate < CLOCK_RATE else CLOCK_RATE
        self._decoder = opus_decoder(self._decoding_rate)
        self._resampler = Resampler(self._decoding_rate, rate)
        self._converts = rate != self._decoding_rate
        self._held: dict[int, MediaPacket] = {}
        self._timer: Timer | None = None
        self._expected = -1  # sequence number; below 0: nothing came yet
        self._time = 0  # RTP timestamp up to which sound was handed over
        self._ahead = 0  # ticks of silence handed over that the sender's time has not had
        self._remainder = 0  # of ticks that make no whole sample yet
        self._filled = 0  # ticks of silence handed over since the last packet
        self._late_in_a_row = 0
        self._surplus = 0.0  # ticks handed over for which no time has passed yet
        self._surplus_at = clock.time()
        self._closed = False
        self.excess = 0
        """Packets of more sound than there was time for."""
        self.lost = 0
        """Packets that did not come, or too late."""
        self.ignored = 0
        """Packets that came twice or too late."""
        self.damaged = 0
        """Packets that can't be decoded."""

    def write(self, packet: MediaPacket) -> None:
        """See MediaSink."""
        if self._closed:
            return
        distance = (packet.sequence - self._expected) & 0xFFFF
        if self._expected < 0:
            self._begin(packet)
        elif distance == 0:
            self._stop_timer()
            self._play(packet, lost=False)
        elif distance < RESTART_DISTANCE:
            self._hold(packet)
            return
        elif distance > 0xFFFF - RESTART_DISTANCE and self._is_late():
            return
        else:
            self._begin(packet)
        self._late_in_a_row = 0
        if self._held:
            self._play_held()

    def close(self) -> None:
        """Hand over what is held; nothing follows. Harmless twice."""
        if self._closed:
            return
        while self._held:
            self._give_up_missing()
        self._stop_timer()  # also one that playing the rest has set
        self._closed = True
        if self._converts:
            self._on_pcm(self._resampler.flush())

    # Order.

    def _begin(self, packet: MediaPacket) -> None:
        """A new stream, or the same one after its sender began again."""
        self._stop_timer()
        self._held.clear()
        self._time = packet.timestamp
        self._ahead = 0
        self._play(packet, lost=False)

    def _is_late(self) -> bool:
        """Count a late packet; false where the stream must have begun again."""
        self.ignored += 1
        self._late_in_a_row += 1
        return self._late_in_a_row < RESTART_AFTER_LATE

    def _hold(self, packet: MediaPacket) -> None:
        if packet.sequence in self._held:
            self.ignored += 1
            return
        if not self._held:
            self._stop_timer()
            self._timer = self._clock.call_at(self._clock.time() + MAX_WAIT, self._on_waited)
        self._held[packet.sequence] = packet
        if len(self._held) >= MAX_HELD:
            self._stop_timer()
            self._give_up_missing()
            self._play_held()

    def _on_waited(self) -> None:
        self._timer = None
        self._give_up_missing()
        self._play_held()

    def _give_up_missing(self) -> None:
        """Go on with the first packet that is held."""
        first = min(self._held, key=lambda sequence: (sequence - self._expected) & 0xFFFF)
        self.lost += (first - self._expected) & 0xFFFF
        self._play(self._held.pop(first), lost=True)

    def _play_held(self) -> None:
        """All that follows without a gap; what remains waits anew."""
        while (packet := self._held.pop(self._expected, None)) is not None:
            self._play(packet, lost=False)
        if self._held:
            self._stop_timer()
            self._timer = self._clock.call_at(self._clock.time() + MAX_WAIT, self._on_waited)

    def _stop_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None

    # Sound.

    def _play(self, packet: MediaPacket, *, lost: bool) -> None:
        self._expected = packet.sequence + 1 & 0xFFFF
        if not packet.payload:  # a probe of the bandwidth
            return
        if self._is_excess():
            self.excess += 1
            self._time = packet.timestamp
            return
        gap = (packet.timestamp - self._time) & 0xFFFF_FFFF
        if gap >= 0x8000_0000:
            # Back in time: the silence of suppression ran ahead, or the sender's clock was set.
            gap -= 0x1_0000_0000
            self._ahead = -gap if -gap <= self._filled else 0
        elif gap:
            self._fill(gap, packet.payload if lost else None)
        self._time = packet.timestamp
        self._filled = 0
        pcm = self._decoder.decode(packet.payload)
        if pcm is None:
            self.damaged += 1  # the next packet's timestamp tells how long it was
            return
        self._time = (self._time + len(pcm) * CLOCK_RATE // self._decoding_rate) & 0xFFFF_FFFF
        self._hand_over(pcm)
        if len(packet.payload) <= SUPPRESSED_BYTES and not self._held:
            self._await_suppressed(packet.arrival + SUPPRESSION_MARGIN)

    def _is_excess(self) -> bool:
        now = self._clock.time()
        self._surplus = max(0.0, self._surplus - (now - self._surplus_at) * CLOCK_RATE)
        self._surplus_at = now
        return self._surplus > MAX_SURPLUS_TICKS

    def _fill(self, gap: int, following: bytes | None) -> None:
        """Make up for `gap` ticks in which nothing came; `following` is what came after a loss."""
        repaid = min(gap, self._ahead)
        self._ahead -= repaid
        gap -= repaid
        if gap + self._filled > MAX_FILL_TICKS:
            return
        if following is None:
            self._silence(gap)
        elif gap <= MAX_TICKS:
            self._conceal(gap, following)
        else:
            self._conceal(CONCEALED_TICKS, None)
            self._silence(gap - CONCEALED_TICKS - FRAME_TICKS)
            self._conceal(FRAME_TICKS, following)

    def _samples(self, ticks: int) -> int:
        """Whole samples in `ticks`; what is over goes into the next call."""
        samples, self._remainder = divmod(ticks * self._decoding_rate + self._remainder, CLOCK_RATE)
        return samples

    def _conceal(self, ticks: int, following: bytes | None) -> None:
        self._hand_over(self._decoder.conceal(self._samples(ticks), following))

    def _silence(self, ticks: int) -> None:
        self._hand_over(np.zeros(self._samples(ticks), np.int16))

    def _await_suppressed(self, when: float) -> None:
        self._stop_timer()
        when += FRAME_TICKS / CLOCK_RATE
        self._timer = self._clock.call_at(when, lambda: self._on_suppressed(when))

    def _on_suppressed(self, when: float) -> None:
        self._timer = None
        self._time = (self._time + FRAME_TICKS) & 0xFFFF_FFFF
        self._filled += FRAME_TICKS
        self._silence(FRAME_TICKS)
        if self._filled + FRAME_TICKS <= MAX_FILL_TICKS:
            self._await_suppressed(when)

    def _hand_over(self, pcm: Pcm) -> None:
        self._surplus += len(pcm) * CLOCK_RATE / self._decoding_rate
        if self._converts:
            pcm = self._resampler.process(pcm)
        if len(pcm):
            self._on_pcm(pcm)
