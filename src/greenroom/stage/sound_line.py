"""The sound that waits to be said: as it came, resampled only when it is due."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD
from greenroom.errors import CapacityExceeded
from greenroom.rooms.venue import VENUE_RATE
from greenroom.stage.two_rates import RATIO, TwoRates

PIECE = 0.05
"""Seconds of the caller's sound that are resampled at a time."""
HUSH = 0.3
"""Seconds without sound after which what came is taken to be the whole utterance."""
FIRST_MARGIN = 0.1
MAX_MARGIN = 1.0
"""Seconds of sound, beside what the first picture needs, before an utterance that has run dry goes
on: twice as many each time, for callers whose sound comes just in time and in large pieces. After
an utterance that did not run dry half as many are asked for."""


@dataclass(frozen=True, slots=True)
class _Written:
    """Sound as the caller gave it. Without sound: the utterance ends here."""

    pcm: Pcm
    rate: int


_END = _Written(EMPTY, VENUE_RATE)


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance that is over. `samples`: played, at VENUE_RATE. `cut`: there was more of it."""

    samples: int
    cut: bool = False


class SoundLine:
    """Takes sound at any pace and rate, gives it picture by picture, exact to the sample.

    A run is sound without a gap. It begins with a picture, spans the utterances that wait behind
    each other, and ends where no more is there. Sample n of a run at LIP_SYNC_RATE is heard with
    its sample 3 n at VENUE_RATE. `picture_rate`: pictures a second; `max_ahead`: seconds of sound
    that may wait.

    Each picture is one `take`, one `listen` and one `over`, in this order.
    """

    def __init__(self, picture_rate: int, *, max_ahead: float) -> None:
        self._picture = VENUE_RATE // picture_rate
        self._max_ahead = max_ahead
        self._hush = round(HUSH * picture_rate)
        self.dry_spells = 0
        """How often an utterance has paused because its sound came too late."""
        self.begins = False
        """Whether a run began with what was taken last."""
        # What waits.
        self._written: deque[_Written] = deque()
        self._waiting: dict[int, int] = {}  # samples by rate: whole, so that no error adds up
        self._ends = 0  # ends of utterances among `_written`
        self._open = False  # more may be written of the last utterance
        self._quiet = 0  # pictures since sound came, or since it ran dry
        self._margin = 0.0
        # The utterance that plays.
        self._speaking = False
        self._spoken = 0  # samples taken of it
        self._ran_dry = False
        self._utterance_ends: deque[int] = deque()  # places in the run, at VENUE_RATE
        self._begin_run()

    def _begin_run(self) -> None:
        self._rates = TwoRates()
        self._taken = 0  # at VENUE_RATE
        self._listened = 0  # at LIP_SYNC_RATE
        self._running = False
        self._draining = False  # it has run dry: what is ready is played, then it ends
        self._at_end = False  # the end of an utterance was resampled last

    @property
    def ahead(self) -> float:
        """Seconds of sound that wait."""
        return self._unready + (self._rates.sound_out - self._taken) / VENUE_RATE

    @property
    def speaking(self) -> bool:
        """Whether an utterance has begun and is not over; it may pause for want of sound."""
        return self._speaking

    @property
    def busy(self) -> bool:
        """Whether something is said, or will be."""
        return self._running or self._speaking or bool(self._written)

    # What the caller does.

    def put(self, pcm: Pcm, rate: int) -> None:
        """Queue samples at `rate` Hz. They are kept as they are: don't change them afterwards.

        Raises CapacityExceeded, taking nothing, where more than `max_ahead` seconds would wait.
        """
        if not len(pcm):
            return
        if self.ahead + len(pcm) / rate > self._max_ahead:
            raise CapacityExceeded("seconds of sound ahead of time", int(self._max_ahead))
        self._written.append(_Written(pcm, rate))
        self._waiting[rate] = self._waiting.get(rate, 0) + len(pcm)
        self._open = True
        self._quiet = 0

    def end(self) -> None:
        """What was put last ends an utterance. Nothing happens where none is open."""
        if self._open:
            self._open = False
            self._written.append(_END)
            self._ends += 1

    def clear(self, unheard: int = 0) -> Spoken | None:
        """Drop all that waits; return the utterance that this cuts, if one plays.

        `unheard`: samples that were taken last and won't be played either.
        """
        cut = Spoken(max(0, self._spoken - unheard), cut=True) if self._speaking else None
        self._written.clear()
        self._waiting.clear()
        self._ends = 0
        self._open = False
        self._utterance_ends.clear()
        self._end_utterance()
        self._begin_run()
        return cut

    # What plays.

    def take(self) -> Pcm | None:
        """The sound of the next picture at VENUE_RATE, shorter where it ends; None: silence."""
        self._quiet += 1
        self.begins = not self._running and self._begin()
        if not self._running:
            return None
        if not self._prepare(self._picture, self._picture // RATIO) and self._rates.holds:
            # The caller is late. What the filters hold is played; then there is a pause.
            self._rates.flush()
            self._draining = True
        sound = self._rates.take_sound(self._picture)
        self._taken += len(sound)
        self._spoken += len(sound)
        self._speaking = self._speaking or len(sound) > 0
        self._running = len(sound) == self._picture
        if self._draining and not self._running:
            self._quiet = 0  # the pause begins here
        return sound if len(sound) else None

    def listen(self) -> Pcm:
        """What follows what `listen` gave before in this run, at LIP_SYNC_RATE.

        It reaches LOOK_AHEAD beyond what was taken: less where the run ends, or where not so much
        is there yet.
        """
        if self._running:
            self._prepare(0, LOOK_AHEAD)
        reach = -(-self._taken // RATIO) + LOOK_AHEAD
        pcm = self._rates.take_lips(reach - self._listened)
        self._listened += len(pcm)
        return pcm

    def over(self) -> list[Spoken]:
        """The utterances that ended with what was taken last."""
        spoken = []
        while self._utterance_ends and self._utterance_ends[0] <= self._taken:
            of_next = self._taken - self._utterance_ends.popleft()
            spoken.append(Spoken(self._spoken - of_next))
            self._end_utterance(of_next)
        abandoned = not (self._running or self._written) and self._quiet > self._hush
        if self._speaking and abandoned:
            spoken.append(Spoken(self._spoken))
            self._open = False
            self._end_utterance()
        return spoken

    # How that comes about.

    @property
    def _unready(self) -> float:
        """Seconds of sound that were not resampled."""
        return sum(samples / rate for rate, samples in self._waiting.items())

    def _begin(self) -> bool:
        """Begin a run, if enough is there."""
        if self._taken:
            self._begin_run()
        if self._written and self._written[0] is _END:  # of an utterance that ran dry
            self._pop_end()
        if not self._is_gathered():
            return False
        if self._resumes:
            self.dry_spells += 1
            self._ran_dry = True
            self._margin = self._next_margin
        self._running = True
        return True

    @property
    def _resumes(self) -> bool:
        """Whether what begins next is the rest of an utterance that ran dry."""
        return self._speaking and not self._running and not self._utterance_ends

    @property
    def _next_margin(self) -> float:
        return min(max(2 * self._margin, FIRST_MARGIN), MAX_MARGIN)

    def _is_gathered(self) -> bool:
        """Whether the utterance at the head of the line can begin, or go on after a pause."""
        if not self._written:
            return False
        if self._ends or self._quiet > self._hush:
            return True
        need = self._picture / VENUE_RATE + LOOK_AHEAD / LIP_SYNC_RATE
        need += TwoRates.delay(self._written[0].rate)
        need += self._next_margin if self._resumes else self._margin
        return self._unready >= need

    def _prepare(self, sound: int, lips: int) -> bool:
        """Resample until so many samples follow what was taken; False where there are fewer."""
        sound += self._taken
        lips += self._taken // RATIO
        while self._rates.sound_out < sound or self._rates.lips_out < lips:
            if not self._feed():
                return False
        return True

    def _feed(self) -> bool:
        """Resample a piece more; False where none is there for this run."""
        if not self._written or self._draining:
            return False
        first = self._written[0]
        if first is _END:
            self._rates.flush()
            self._pop_end()
            self._at_end = True
            return True
        if self._at_end and not self._is_gathered():
            return False
        self._at_end = False
        piece = max(1, round(PIECE * first.rate))
        if len(first.pcm) > piece:
            self._written[0] = _Written(first.pcm[piece:], first.rate)
        else:
            piece = len(first.pcm)
            self._written.popleft()
        self._waiting[first.rate] -= piece
        self._rates.feed(first.pcm[:piece], first.rate)
        return True

    def _pop_end(self) -> None:
        self._written.popleft()
        self._ends -= 1
        self._utterance_ends.append(self._rates.sound_out)

    def _end_utterance(self, of_next: int = 0) -> None:
        """The next one plays, if samples of it were taken."""
        if not self._ran_dry:
            self._margin /= 2
        self._ran_dry = False
        self._spoken = of_next
        self._speaking = of_next > 0
