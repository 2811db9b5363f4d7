"""Several transcribers as one: where the first fails, the next hears the whole turn again."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from greenroom.audio.pcm import EMPTY, HEARING_RATE, Pcm
from greenroom.errors import ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline
from greenroom.providers.health import Attempt, MemberHealth, all_failed
from greenroom.providers.members import Members
from greenroom.providers.usage import Usage, UsageListener
from greenroom.speech.plausibility import plausible
from greenroom.speech.ports import (
    PartialListener,
    Transcriber,
    Transcript,
    TranscriptionStream,
)

log = logging.getLogger(__name__)

MAX_KEPT = 75 * HEARING_RATE
"""Samples of a turn that are kept for another member; the longest turn is shorter."""

REPEAT_SPEED = 2.0
"""A member that is given a whole turn at once has a second more for each so many seconds of it."""


class TranscriberChain:
    """A `Transcriber` that asks its `members` in order of preference and health.

    `retries` are of a call that failed at once, at one member. Seconds: `timeout` from the end of a
    turn to its final transcript, `recovery_interval` until a member that failed is tried again.
    """

    def __init__(
        self,
        members: Sequence[Transcriber],
        *,
        retries: int,
        timeout: float,
        recovery_interval: float,
        clock: Clock,
    ) -> None:
        self._members = Members(
            "transcriber",
            members,
            retries=retries,
            recovery_interval=recovery_interval,
            clock=clock,
        )
        self._timeout = timeout
        self.uri = self._members.uri

    def open(self, on_partial: PartialListener | None = None) -> TranscriptionStream:
        """Begin a turn; see the port."""
        return _Turn(self._members, self._timeout, on_partial, None)

    def for_session(self, on_usage: UsageListener) -> Transcriber:
        """The chain as one session uses it: `on_usage` is told what its turns have used up.

        Closing it does nothing, as the chain serves other sessions.
        """
        return _ForSession(self, on_usage)

    def open_for(
        self, on_partial: PartialListener | None, on_usage: UsageListener
    ) -> TranscriptionStream:
        """Begin a turn whose use is told to `on_usage`."""
        return _Turn(self._members, self._timeout, on_partial, on_usage)

    def snapshot(self) -> tuple[MemberHealth, ...]:
        """How the members do, for health checks."""
        return self._members.snapshot()

    async def warm_up(self) -> None:
        """Warm all members; see `Members.warm_up`."""
        await self._members.warm_up()

    async def close(self) -> None:
        """End all members."""
        await self._members.close()


class _ForSession:
    def __init__(self, chain: TranscriberChain, on_usage: UsageListener) -> None:
        self.uri = chain.uri
        self._chain, self._on_usage = chain, on_usage

    def open(self, on_partial: PartialListener | None = None) -> TranscriptionStream:
        return self._chain.open_for(on_partial, self._on_usage)

    async def warm_up(self) -> None:
        await self._chain.warm_up()

    async def close(self) -> None:
        pass


class _Part:
    """A member's part in a turn: one stream, what it was fed, and that it is ended once."""

    __slots__ = ("_on_usage", "fed", "member", "stream")

    def __init__(
        self, member: Transcriber, listener: PartialListener | None, on_usage: UsageListener | None
    ) -> None:
        self.member, self._on_usage = member, on_usage
        self.fed = 0
        self.stream = member.open(listener)

    def feed(self, pcm: Pcm) -> None:
        self.fed += len(pcm)
        self.stream.feed(pcm)

    def end(self) -> None:
        on_usage, self._on_usage = self._on_usage, None
        try:
            self.stream.cancel()
        finally:
            if on_usage is not None and self.fed:
                seconds = self.fed / HEARING_RATE
                on_usage(Usage("transcriber", self.member.uri, audio_seconds=seconds))


class _Turn:
    """One turn on the member that serves, and on the next ones where that fails.

    A stream may have an attribute `failure`, a ProviderFailed or None: then it is seen in mid-turn
    that it is lost, and the next member catches up while the user still speaks.
    """

    def __init__(
        self,
        members: Members[Transcriber],
        timeout: float,
        on_partial: PartialListener | None,
        on_usage: UsageListener | None,
    ) -> None:
        self._members, self._timeout = members, timeout
        self._on_partial, self._on_usage = on_partial, on_usage
        self._attempts: Iterator[Attempt] = members.attempts()
        self._attempt: Attempt | None = None
        self._part: _Part | None = None
        self._errors: list[ProviderFailed] = []
        self._heard = 0
        self._kept: deque[Pcm] = deque()
        self._kept_samples = 0
        self._silent = True
        self._repeated = 0.0
        """Seconds of sound that the present member was given at once."""
        self._next_member()

    def feed(self, pcm: Pcm) -> None:
        """See the port."""
        if not len(pcm) or self._attempts is _ENDED:
            return
        self._silent = self._silent and not pcm.any()
        self._heard += len(pcm)
        self._kept.append(pcm)
        self._kept_samples += len(pcm)
        while self._kept_samples > MAX_KEPT and len(self._kept) > 1:
            self._kept_samples -= len(self._kept.popleft())
        if self._part is None:
            return
        try:
            self._part.feed(pcm)
            error = getattr(self._part.stream, "failure", None)
        except Exception as defect:  # noqa: BLE001 - another's code; the next member takes over
            error = _failure(self._part.member, defect)
        if error is not None:
            self._fall(error)

    async def finish(self) -> Transcript:
        """See the port; the whole turn is repeated on the next member where one fails."""
        try:
            while self._part is not None:
                part, attempt = self._part, self._attempt
                assert attempt is not None  # noqa: S101 - they come and go together
                limit = self._timeout + self._repeated / REPEAT_SPEED
                attempt.await_answer()
                try:
                    async with Deadline(self._members.clock, limit):
                        transcript = await part.stream.finish()
                except TimeoutError:
                    self._fall(ProviderFailed(part.member.uri, f"no transcript within {limit:g} s"))
                except Exception as error:  # noqa: BLE001 - another's code; the next member is asked
                    self._fall(_failure(part.member, error))
                else:
                    attempt.succeed()
                    return self._believed(transcript)
            raise all_failed(self._members.uri, self._errors)
        finally:
            self.cancel()

    def cancel(self) -> None:
        """See the port."""
        self._attempts = _ENDED
        self._kept.clear()
        self._end_part()
        if self._attempt is not None:
            self._attempt.release()
            self._attempt = None

    def _fall(self, error: ProviderFailed) -> None:
        """The present member has failed: try it again where that has sense, else the next."""
        attempt = self._attempt
        assert attempt is not None  # noqa: S101 - only a member that is asked can fail
        self._end_part()
        if attempt.retry(error):
            if self._begin(attempt):
                return
        else:
            self._give_up(attempt, error)
        self._next_member()

    def _next_member(self) -> None:
        self._attempt = None
        for attempt in self._attempts:
            if self._begin(attempt):
                return

    def _begin(self, attempt: Attempt) -> bool:
        """Open a stream of the member and give it all that was said; False where it can't."""
        member = self._members.all[attempt.member]
        try:
            part = _Part(member, self._listener(), self._on_usage)
        except Exception as error:  # noqa: BLE001 - it comes from among the sound of all sessions
            self._give_up(attempt, _failure(member, error))
            return False
        self._part, self._attempt = part, attempt
        self._repeated = self._kept_samples / HEARING_RATE
        try:
            whole = np.concatenate((EMPTY, *self._kept))
            for start in range(0, len(whole), HEARING_RATE):
                part.feed(whole[start : start + HEARING_RATE])
        except Exception as error:  # noqa: BLE001 - as above
            self._end_part()
            self._give_up(attempt, _failure(member, error))
            return False
        return True

    def _give_up(self, attempt: Attempt, error: ProviderFailed) -> None:
        self._errors.append(error)
        attempt.fail(error)

    def _end_part(self) -> None:
        part, self._part = self._part, None
        if part is None:
            return
        try:
            part.end()
        except Exception:  # another's code, and nothing depends on its end
            log.exception("%s could not end a turn", part.member.uri)

    def _listener(self) -> PartialListener | None:
        """What the next stream tells its partials to; a stream that is given up is not heard."""
        if self._on_partial is None:
            return None
        on_partial, number = self._on_partial, len(self._errors)

        def listen(transcript: Transcript) -> None:
            if self._attempts is not _ENDED and number == len(self._errors):
                on_partial(transcript)

        return listen

    def _believed(self, transcript: Transcript) -> Transcript:
        seconds = self._heard / HEARING_RATE
        text = plausible(transcript.text, seconds, silent=self._silent)
        if text == transcript.text:
            return transcript
        log.info("a transcript was not plausible for %.1f s of sound and was cut", seconds)
        return replace(transcript, text=text, confidence=transcript.confidence if text else 0.0)


_ENDED: Iterator[Attempt] = iter(())


def _failure(member: Transcriber, error: Exception) -> ProviderFailed:
    if isinstance(error, ProviderFailed):
        return error
    log.error("%s failed unexpectedly", member.uri, exc_info=error)
    return ProviderFailed(member.uri, f"unexpected {type(error).__name__}")
