"""One conversation with a model within a session: what comes too early is kept for it."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from greenroom.audio.pcm import Pcm
from greenroom.duplex.ports import (
    DUPLEX_RATE,
    DuplexModel,
    DuplexTalk,
    Persona,
    Said,
    TalkListener,
)
from greenroom.duplex.user_time import UserTime
from greenroom.errors import CapacityExceeded, InvalidInput
from greenroom.sessions.model import Session

CLOSE_TIMEOUT = 5.0
"""Seconds for a model to end a talk; then it is left alone."""

MAX_EARLY_ACTS = 100
"""Texts and ends of turns that are kept while the model is not ready."""

_log = logging.getLogger(__name__)

_Act = Callable[[DuplexTalk], None]


class ModelTalk:
    """Open it, then close it. `listener` is told what the model tells until it is closed, but for
    `on_user_words`: there `began` is in seconds of the session.

    `now`: seconds since the session's start. `max_early`: seconds of sound that are kept while the
    model is not ready; what comes on top is lost.
    """

    def __init__(
        self, listener: TalkListener, *, now: Callable[[], float], max_early: float
    ) -> None:
        self._listener = listener
        self._now = now
        self._user_time = UserTime(DUPLEX_RATE)
        self._talk: DuplexTalk | None = None
        self._early: deque[_Act] = deque()
        self._early_samples = 0
        self._early_acts = 0
        self._losing = False
        self._max_early_samples = round(max_early * DUPLEX_RATE)
        self._paused = False
        self._silenced = False
        self._over = False
        self.position: int | None = None
        """Its place among those that wait for the model; None: it does not wait."""
        self.ready = False
        """Whether the model takes sound."""

    async def open(
        self, model: DuplexModel, session: Session, persona: Persona, said: Sequence[Said]
    ) -> None:
        """Begin. Raises CapacityExceeded, ProviderFailed."""
        self._talk = await model.open(session, persona, self, said)
        if self._paused:
            self._talk.set_paused(True)
        if self.ready and not self._over:
            self._hand_over(self._talk)

    # What the session does.

    def hear(self, pcm: Pcm) -> None:
        """The person's next sound."""
        if not self._can_take_now:
            self._early_samples += len(pcm)
            if self._early_samples > self._max_early_samples:
                # And so all that follows: what is kept has no holes.
                if not self._losing:
                    _log.warning("sound is lost: the model has not been ready for too long")
                self._losing = True
                return
        self._user_time.heard(len(pcm), self._now())
        self._do(lambda talk: talk.hear(pcm))

    def type(self, text: str) -> None:
        """The person writes. Raises InvalidInput where the model can't read, CapacityExceeded."""
        self._act(lambda talk: talk.type(text))

    def end_turn(self) -> None:
        """The person's turn is over. Raises CapacityExceeded."""
        self._act(lambda talk: talk.end_turn())

    def set_paused(self, paused: bool) -> None:
        """Hold the conversation, or go on."""
        self._paused = paused
        if self._talk is not None and not self._over:
            self._talk.set_paused(paused)

    def silence(self) -> None:
        """Tell nothing of the AI any more; what the person has said is told until it is closed."""
        self._silenced = True

    async def close(self) -> None:
        """End it: what was being said is told first. Never raises, and takes a bounded time."""
        if self._talk is not None:
            await _end(self._talk)
        self._over = True

    # What the model tells.

    def on_queued(self, position: int) -> None:
        """See TalkListener."""
        if not self._mute and not self.ready:
            self.position = position
            self._listener.on_queued(position)

    def on_ready(self) -> None:
        """See TalkListener."""
        if self._mute or self.ready:
            return
        self.ready, self.position = True, None
        self._listener.on_ready()
        if self._talk is not None:
            self._hand_over(self._talk)

    def on_voice(self, pcm: Pcm) -> None:
        """See TalkListener."""
        if not self._mute:
            self._listener.on_voice(pcm)

    def on_flush(self) -> None:
        """See TalkListener."""
        if not self._mute:
            self._listener.on_flush()

    def on_words(self, text: str) -> None:
        """See TalkListener."""
        if not self._mute:
            self._listener.on_words(text)

    def on_user_words(self, text: str, began: float) -> None:
        """See TalkListener."""
        if not self._over:
            self._listener.on_user_words(text, self._user_time.time_of(began, self._now()))

    def on_failure(self, why: str) -> None:
        """See TalkListener."""
        if not self._mute:
            self._over = True
            self._listener.on_failure(why)

    def on_ended(self) -> None:
        """See TalkListener."""
        if not self._mute:
            self._over = True
            self._listener.on_ended()

    # How.

    @property
    def _mute(self) -> bool:
        return self._over or self._silenced

    @property
    def _can_take_now(self) -> bool:
        return self.ready and self._talk is not None and not self._early

    def _act(self, act: _Act) -> None:
        if not self._can_take_now:
            if self._early_acts >= MAX_EARLY_ACTS:
                raise CapacityExceeded("inputs while the model is not ready", MAX_EARLY_ACTS)
            self._early_acts += 1
        self._do(act)

    def _do(self, act: _Act) -> None:
        if self._over:
            return
        if self._can_take_now and self._talk is not None:
            act(self._talk)
        else:
            self._early.append(act)

    def _hand_over(self, talk: DuplexTalk) -> None:
        """Give the model what came before it was ready, in the order in which it came."""
        while self._early:
            try:
                self._early[0](talk)
            except InvalidInput as error:
                _log.info("a text that was written early was not taken: %s", error)
            self._early.popleft()


async def _end(talk: DuplexTalk) -> None:
    closing = asyncio.ensure_future(talk.close())
    try:
        _, late = await asyncio.wait((closing,), timeout=CLOSE_TIMEOUT)
        if late:
            _log.error("a model has not ended its talk within %g s", CLOSE_TIMEOUT)
    finally:
        closing.cancel()
    (failure,) = await asyncio.gather(closing, return_exceptions=True)
    if isinstance(failure, Exception):
        _log.error("a model failed to end its talk", exc_info=failure)
