"""An avatar's performance: one media clock, by which sound and pictures go to all venues."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, PictureFormat
from greenroom.avatar.ports import Activity, EncodedPicture, FrameRequest, GestureCue, RemoteFace
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.venue import Venue
from greenroom.stage.figures import Figures
from greenroom.stage.lip_feed import LipFeed
from greenroom.stage.sound_line import SoundLine, Spoken

EARLY = 0.001
"""Seconds that a timer may come too early: uvloop's clock counts whole milliseconds."""
MAX_LATE = 0.2
"""Seconds. After a shorter standstill all that was due is done at once, and listeners' buffers even
it out. After a longer one media time goes on where it was."""
MAX_BEHIND = 5
"""Pictures that may be on their way; while there are so many no more are asked for."""
STALLED = 10
"""Seconds of media time without any picture after which the face has failed."""
MAX_GESTURES = 8
"""Gestures that wait for the next picture; of more the oldest are dropped."""


_log = logging.getLogger(__name__)


class Performance:
    """Sound in at any pace; sound and pictures out to venues by the clock. Its owner closes it.

    It is made first, since a face needs it as its listener; then `begin` gives it the face. Picture
    k is asked for at its time, a fixed beginning plus k / rate, with the sound that is heard with
    it. One picture later both are handed to all venues in the same turn of the event loop. The
    sound never waits: a picture that is late is shown when it comes.

    `on_failed` is told once, why, when there can be no more; `on_spoken` of each utterance that is
    over and the media time in seconds; `on_silent` whenever nothing more waits to be said. They are
    called on the event loop and must be quick.
    """

    def __init__(
        self,
        picture: PictureFormat,
        clock: Clock,
        *,
        max_ahead: float,
        on_failed: Callable[[str], None] = lambda _: None,
        on_spoken: Callable[[Spoken, float], None] = lambda *_: None,
        on_silent: Callable[[], None] = lambda: None,
    ) -> None:
        self.figures = Figures()
        self._rate, self._samples = picture.rate, picture.samples
        self._clock = clock
        self._on_failed, self._on_spoken, self._on_silent = on_failed, on_spoken, on_silent
        self._line = SoundLine(picture.rate, max_ahead=max_ahead)
        self._feed = LipFeed()
        self._face: RemoteFace | None = None
        self._venues: tuple[Venue, ...] = ()
        self._timer: Timer | None = None
        self._closed = False
        # Time: picture `_anchor` was due at `_anchored_at`; `_next` is due next.
        self._anchor = self._next = 0
        self._anchored_at = 0.0
        # Sound: what is handed over with the next picture, and where lip sync is in the run.
        self._sound: Pcm | None = None
        self._heard = 0
        self._was_busy = False
        # Pictures: those that have come and are not due, and before which time they are.
        self._come: deque[tuple[FrameRequest, EncodedPicture]] = deque()
        self._due = 0
        self._handed_over = 0
        self._last_come = 0
        self._cut_in = -1
        self._keyframe_asked = False
        self._gestures: deque[GestureCue] = deque(maxlen=MAX_GESTURES)
        self._rest: Activity = "idle"
        self._rest_chosen = False

    def begin(self, face: RemoteFace, venues: Iterable[Venue]) -> None:
        """Let time run: the first picture is asked for in this call.

        The face and the venues are still their owner's to close. Nothing happens once it has ended.
        """
        if self._closed:
            return
        self._face = face
        self._venues = tuple(venues)
        self._anchored_at = self._clock.time()
        self._tick()

    def close(self) -> None:
        """End it: nothing is asked for or handed over any more. Harmless twice."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (cut := self._line.clear(self._unheard)) is not None:
            self._note(cut)
        self._sound = None
        self._come.clear()
        self.figures.dry_spells = self._line.dry_spells

    def remove(self, venue: Venue) -> int:
        """Hand nothing to this venue any more; return how many are left."""
        self._venues = tuple(other for other in self._venues if other is not venue)
        return len(self._venues)

    @property
    def busy(self) -> bool:
        """Whether something is said, or will be."""
        return self._line.busy or self._sound is not None

    @property
    def media_time(self) -> float:
        """Seconds that have been handed over."""
        return self._handed_over / LIP_SYNC_RATE

    # What the caller does.

    def voice(self, pcm: Pcm, rate: int) -> None:
        """Sound to say, at `rate` Hz. Raises CapacityExceeded, taking nothing."""
        if self._closed:
            return
        self._line.put(pcm, rate)
        self._was_busy = self._was_busy or self.busy
        if not self._rest_chosen:
            self._rest = "listening"

    def voice_end(self) -> None:
        """The utterance is complete."""
        self._line.end()

    def interrupt(self) -> None:
        """Silence at once, and a closed mouth as soon as it can be drawn."""
        if self._closed:
            return
        self.figures.interrupts += 1
        cut = self._line.clear(self._unheard)
        self._sound = None
        self._each(lambda venue: venue.flush())
        if cut is not None:
            self._note(cut)
        self._ask_cut()

    def gesture(self, cue: GestureCue) -> None:
        """Begin a gesture with the next picture."""
        self._gestures.append(cue)

    def set_activity(self, activity: Activity) -> None:
        """What it does while it says nothing."""
        if activity != "speaking":
            self._rest, self._rest_chosen = activity, True

    # What the face says.

    def on_picture(self, request: FrameRequest, picture: EncodedPicture) -> None:
        """See FaceListener."""
        if self._closed:
            return
        self._last_come = self._next
        if request.at % self._samples:
            # Asked for between two pictures, by an interrupt: it is due, and all before it.
            self._due = max(self._due, request.at + 1)
        elif request.at < self._handed_over:
            self.figures.late += 1
        self._come.append((request, picture))
        self._show()

    def on_failure(self, why: str) -> None:
        """See FaceListener."""
        self._fail(why)

    # Time.

    def _time_of(self, picture: int) -> float:
        return self._anchored_at + (picture - self._anchor) / self._rate

    def _tick(self) -> None:
        self._timer = None
        now = self._clock.time()
        if now - self._time_of(self._next) > MAX_LATE:
            self.figures.standstills += 1
            self._anchor, self._anchored_at = self._next, now
        try:
            while not self._closed and self._time_of(self._next) <= now + EARLY:
                self._turn()
        except Exception:  # noqa: BLE001 - else the clock would stop without a word
            _log.exception("an avatar's performance has a defect")
            self._fail("internal error")
        if not self._closed:
            self._timer = self._clock.call_at(self._time_of(self._next), self._tick)

    def _turn(self) -> None:
        """The picture before is handed over with its sound, and the one that is due asked for."""
        at = self._next * self._samples
        self._hand_over(at)
        self._next += 1
        self._sound = self._line.take()
        speaking = self._sound is not None or self._line.speaking
        asks = self._keeps_up()
        begins = self._line.begins and asks
        if self._line.begins:
            self._heard = at
        if begins:
            # The reader takes back the silence that it has assumed here.
            self._feed.cut(at)
        heard = self._line.listen()
        self._feed.hear(self._heard, heard)
        self._heard += len(heard)
        for spoken in self._line.over():
            self._note(spoken)
        if asks:
            activity: Activity = "speaking" if speaking else self._rest
            self._ask(at, self._samples, activity=activity, cut=begins)
        was_busy, self._was_busy = self._was_busy, self.busy
        if was_busy and not self._was_busy:
            self._on_silent()

    def _hand_over(self, at: int) -> None:
        """Everything before sample `at` is due."""
        sound, self._sound = self._sound, None
        if sound is not None:
            self.figures.samples += len(sound)
            self._each(lambda venue: venue.play(sound))
        self._handed_over = at
        self._due = max(self._due, at)
        self._show()

    def _show(self) -> None:
        while self._come and self._come[0][0].at < self._due:
            request, picture = self._come.popleft()
            frame = EncodedFrame(picture.data, request.at / LIP_SYNC_RATE, picture.keyframe)
            self.figures.pictures += 1
            self._each(lambda venue, frame=frame: venue.show(frame))  # type: ignore[misc]
            if request.keyframe:
                self._keyframe_asked = False

    # Pictures.

    def _keeps_up(self) -> bool:
        """Whether one more picture may be asked for."""
        assert self._face is not None  # noqa: S101 - time runs since `begin`
        if self._face.pending < MAX_BEHIND:
            return True
        self.figures.dropped += 1
        if self._next - self._last_come > STALLED * self._rate:
            self._fail("the renderer does not answer")
        return False

    def _ask(self, at: int, samples: int, *, activity: Activity, cut: bool = False) -> None:
        if self._closed or self._face is None:
            return
        keyframe = not self._keyframe_asked and any(v.keyframe_wanted for v in self._venues)
        self._keyframe_asked = self._keyframe_asked or keyframe
        pcm = self._feed.take(at + samples)
        gestures = tuple(self._gestures)
        self._gestures.clear()
        self._face.ask(FrameRequest(at, samples, pcm, cut, activity, gestures, keyframe))

    def _ask_cut(self) -> None:
        """Ask for a picture of now, which lies between two others. One of them closes the mouth:
        nothing can be said anew before the next regular picture."""
        current = self._next - 1
        if current < 0 or self._cut_in == current:
            return
        self._cut_in = current
        begin, end = current * self._samples, self._next * self._samples
        passed = int((self._clock.time() - self._time_of(current)) * LIP_SYNC_RATE)
        at = min(max(begin + passed, begin + 1), end - 1)
        self._feed.cut(at)
        self._ask(at, end - at, activity=self._rest, cut=True)

    # Ends.

    @property
    def _unheard(self) -> int:
        return 0 if self._sound is None else len(self._sound)

    def _note(self, spoken: Spoken) -> None:
        self.figures.utterances += 1
        self._on_spoken(spoken, self.media_time)

    def _each(self, call: Callable[[Venue], None]) -> None:
        for venue in self._venues:
            try:
                call(venue)
            except Exception:  # noqa: BLE001 - its fault must not stop the clock without a word
                _log.exception("venue %s has failed", venue.name)
                self._fail(f"{venue.name} has failed")

    def _fail(self, why: str) -> None:
        if not self._closed:
            self.close()
            self._on_failed(why)
