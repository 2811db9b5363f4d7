"""What the user says, in words, for models that hear it but don't tell it.

The user's sound is cut into pieces where they pause, or after three seconds at the quietest point
near there; each piece is recognised by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import Resampler
from greenroom.conversation.microphone import Microphone, VoiceActivityDetector
from greenroom.conversation.user_turn import UserTurn, open_stream
from greenroom.duplex.ports import DUPLEX_RATE
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.settings import TurnSettings
from greenroom.speech.ports import Transcriber

log = logging.getLogger(__name__)

OnWords = Callable[[str, float], None]
"""`(text, began)`: see `TalkListener.on_user_words`. Called on the event loop, in order."""

LONGEST = samples_of(3_000)
"""Samples of a piece, at most."""
SEARCHED = samples_of(1_000)
"""Samples at the end of the longest piece among which the quietest point is looked for."""
PAUSE = samples_of(400)
"""Samples without voice that end a piece."""
MAX_WAITING = 32
"""Pieces that are being recognised; a user who says more than that meanwhile isn't written down."""
LAST_WORDS_TIMEOUT = 3.0
"""Seconds for the words of the last pieces when the talk is over."""

_BLOCK = samples_of(10)
_SMOOTH = 5  # blocks: 50 ms, longer than a period of the deepest voice


@dataclass(slots=True, eq=False)
class _Piece:
    """A piece of speech. Samples count the microphone's; `began` is in seconds of the user's."""

    turn: UserTurn
    start: int
    began: float
    end: int


class UserWords:
    """One user's words. Create it on the event loop; end it with `close`.

    Time is counted by the user's own sound: `began` is the place in it where a piece's speech
    began, however late the words are known. A piece that can't be recognised is left out.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        voice_activity: VoiceActivityDetector,
        clock: Clock,
        on_words: OnWords,
        *,
        turns: TurnSettings | None = None,
    ) -> None:
        """`turns` says what counts as voice. Raises CapacityExceeded."""
        turns = turns or TurnSettings()
        self._transcriber = transcriber
        self._clock = clock
        self._on_words = on_words
        self._pre_roll = samples_of(turns.pre_roll_ms)
        self._least = samples_of(turns.min_speech_ms)
        self._resampler = Resampler(DUPLEX_RATE, HEARING_RATE)
        self._piece: _Piece | None = None
        # The end of the open piece, as long as it isn't known whether it belongs to the piece.
        self._held: list[Pcm] = []
        self._cut = 0  # no piece reaches back before this sample
        self._voiced_until = 0
        self._waiting: deque[_Piece] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._microphone = Microphone(voice_activity, turns, clock, self._on_window)

    def hear(self, pcm: Pcm) -> None:
        """Take the user's next samples, 24 kHz, any number of them."""
        if self._closed:
            return
        heard = self._resampler.process(pcm)
        if len(heard):
            self._microphone.hear(heard)

    async def close(self) -> None:
        """End; what was said last is told first, if it is known in time. Harmless twice."""
        if not self._closed:
            self._closed = True
            await self._hear_the_rest()
        try:
            async with Deadline(self._clock, LAST_WORDS_TIMEOUT):
                while self._tasks:
                    await asyncio.wait(self._tasks)
        except TimeoutError:
            log.warning("a user's last words are not known in time")
        finally:
            for task in self._tasks:
                task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def _hear_the_rest(self) -> None:
        microphone = self._microphone
        try:
            if len(rest := self._resampler.flush()):
                microphone.hear(rest)
            async with Deadline(self._clock, LAST_WORDS_TIMEOUT):
                await microphone.catch_up()
        except TimeoutError:
            log.warning("a user's last sound is not judged in time")
        finally:
            microphone.close()
            if (piece := self._piece) is not None:
                self._take(piece, microphone.read(piece.end, microphone.end))
                self._end_piece(piece)

    # -- cutting -----------------------------------------------------------------------------

    def _on_window(self, speaking: bool, onset: int, voiced_until: int, end: int) -> None:
        self._voiced_until = voiced_until
        piece = self._piece
        if piece is None:
            if speaking:
                start = max(onset - self._pre_roll, self._cut)
                piece = self._open(start, max(onset, start))
                self._take(piece, self._microphone.read(start, end))
            return
        piece = self._take(piece, self._microphone.read(piece.end, end))
        if end - max(voiced_until, piece.start) >= PAUSE:
            self._end_piece(piece)

    def _open(self, start: int, onset: int) -> _Piece:
        stream = open_stream(self._transcriber, None)
        began = max(0, onset - self._microphone.padding) / HEARING_RATE
        piece = _Piece(UserTurn(0, stream, self._clock.time(), start), start, began, start)
        self._piece = piece
        self._microphone.watch()
        return piece

    def _take(self, piece: _Piece, pcm: Pcm) -> _Piece:
        """The next samples; a piece that is as long as it may be is cut, and the next begun.

        The recogniser hears at once what belongs to the piece for certain. Returns the open piece.
        """
        while len(pcm):
            left = piece.start + LONGEST - piece.end
            now, pcm = pcm[:left], pcm[left:]
            certain = max(0, left - SEARCHED)
            if certain:
                piece.turn.stream.feed(now[:certain])
            self._held.append(now[certain:])
            piece.end += len(now)
            if len(now) == left:
                piece = self._cut_piece(piece)
        return piece

    def _cut_piece(self, piece: _Piece) -> _Piece:
        held = np.concatenate(self._held)
        at = quietest(held)
        piece.end -= len(held) - at
        self._held = [held[:at]]
        self._end_piece(piece)
        following = self._open(piece.end, piece.end)
        return self._take(following, held[at:])

    def _end_piece(self, piece: _Piece) -> None:
        """Recognise it; one that has no voice is dropped."""
        held, self._held = np.concatenate((EMPTY, *self._held)), []
        self._piece = None
        self._cut = piece.end
        self._microphone.unwatch()
        voiced = self._voiced_until - piece.start >= self._least
        if not voiced or len(self._waiting) >= MAX_WAITING:
            if voiced:
                log.warning("a user's words are not written down: recognition is too far behind")
            piece.turn.stream.cancel()
            return
        piece.turn.stream.feed(held)
        self._waiting.append(piece)
        task = asyncio.get_running_loop().create_task(self._recognise(piece))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # -- recognising -------------------------------------------------------------------------

    async def _recognise(self, piece: _Piece) -> None:
        await piece.turn.recognise(self._clock)
        # In the order in which they were spoken, whichever was recognised first.
        while self._waiting and self._waiting[0].turn.recognised:
            self._tell(self._waiting.popleft())

    def _tell(self, piece: _Piece) -> None:
        final = piece.turn.final
        if final is None:
            log.warning("a user's words are not known: %s", piece.turn.trouble)
        elif text := final.text.strip():
            self._on_words(text, piece.began)


def quietest(pcm: Pcm) -> int:
    """The sample in the middle of the quietest 50 ms of `pcm` (16 kHz); of equal ones the last.

    0 where it is shorter than that.
    """
    blocks = len(pcm) // _BLOCK
    if blocks < _SMOOTH:
        return 0
    levels = np.abs(pcm[: blocks * _BLOCK].astype(np.float32)).reshape(blocks, _BLOCK).mean(axis=1)
    smooth = np.convolve(levels, np.ones(_SMOOTH, np.float32), mode="valid")
    last = len(smooth) - 1 - int(np.argmin(smooth[::-1]))
    return (last * _BLOCK) + _SMOOTH * _BLOCK // 2
