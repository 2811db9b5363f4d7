"""One duplex talk with whichever upstream server is free."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.duplex.kept_sound import KeptSound
from greenroom.duplex.personaplex.leases import Lease, Leases, Ticket
from greenroom.duplex.personaplex.query import with_persona
from greenroom.duplex.personaplex.upstream import (
    CONNECT_TIMEOUT,
    HANDSHAKE_TIMEOUT,
    Control,
    Event,
    Upstream,
    UpstreamBusy,
    Voice,
    open_upstream,
)
from greenroom.duplex.ports import DUPLEX_RATE, Persona, Said, TalkListener
from greenroom.duplex.user_words import OnWords, UserWords
from greenroom.errors import InvalidInput, ProviderFailed
from greenroom.providers.clock import Clock
from greenroom.providers.deadline import Deadline

log = logging.getLogger(__name__)

AUDIBLE = 100
"""The least sample that counts as voice: silence that was coded is not quite silent."""
MAX_HELD = 250
"""What the AI says in a pause, and is told after it: messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Seconds."""

    queue: float = 120.0
    connect: float = CONNECT_TIMEOUT
    handshake: float = HANDSHAKE_TIMEOUT
    kept: float = 60.0
    """Sound that is kept for another server until the AI has said something."""


class PersonaPlexTalk:
    """A `ports.DuplexTalk`. It begins in the event loop's next turn; `on_closed` is called once it
    is closed. `hear_words` makes what writes down the user's words; it may raise CapacityExceeded.

    Where a server fails before the AI was heard, another one is asked, and is sent what the user
    has said so far.
    """

    def __init__(
        self,
        leases: Leases,
        persona: Persona,
        said: Sequence[Said],
        listener: TalkListener,
        hear_words: Callable[[OnWords], UserWords],
        clock: Clock,
        limits: Limits,
        on_closed: Callable[[PersonaPlexTalk], None],
    ) -> None:
        self._leases = leases
        self._persona, self._said = persona, said
        self._listener = listener
        self._clock = clock
        self._limits = limits
        self._on_closed = on_closed
        self._words = hear_words(listener.on_user_words)
        self._upstream: Upstream | None = None
        self._kept = KeptSound(limits.kept)
        self._ready = self._spoken = self._paused = False
        self._held: deque[Event] = deque(maxlen=MAX_HELD)
        self._voice_samples = 0
        self._voice_ends = 0.0
        self._closing: asyncio.Task[None] | None = None
        self._task = asyncio.get_running_loop().create_task(self._live())

    # -- ports.DuplexTalk --------------------------------------------------------------------

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound; in a pause it counts as silence that only the clock hears."""
        if self._closing is not None:
            return
        if self._paused:
            self._words.hear(np.zeros_like(pcm))
            return
        self._words.hear(pcm)
        if not self._spoken:
            self._kept.add(pcm)
        if self._upstream is not None:
            self._upstream.hear(pcm)

    def type(self, text: str) -> None:  # noqa: ARG002 - the port's
        """These models can't read. Raises InvalidInput."""
        raise InvalidInput("text", "this model only listens", "speech")

    def end_turn(self) -> None:
        """Passed on; these models find the end of a turn by themselves."""
        if self._upstream is not None:
            self._upstream.control(Control.END_TURN)

    def set_paused(self, paused: bool) -> None:
        """Hear and tell nothing; what the AI has said meanwhile is told when it goes on."""
        if paused == self._paused:
            return
        self._paused = paused
        if self._upstream is not None:
            self._upstream.control(Control.PAUSE if paused else Control.START)
        while self._held and not self._paused:
            self._tell(self._held.popleft())

    def played(self) -> float:
        """Seconds of the AI's voice that were to be heard by now."""
        ahead = max(0.0, self._voice_ends - self._clock.time())
        return max(0.0, self._voice_samples / DUPLEX_RATE - ahead)

    async def close(self) -> None:
        """Leave the server or the queue; tell what the user was saying; end."""
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_task(self._close())
        await asyncio.shield(self._closing)

    async def _close(self) -> None:
        try:
            self._task.cancel()
            await asyncio.wait((self._task,))
            await self._words.close()
        finally:
            self._on_closed(self)

    # -- its life ----------------------------------------------------------------------------

    async def _live(self) -> None:
        try:
            await self._converse()
        except ProviderFailed as error:
            log.info("a talk is given up: %s", error)
            self._listener.on_failure(error.why)
        except Exception:  # the talk is told, and the others live on
            log.exception("a defect in a talk")
            self._listener.on_failure("internal error")
        else:
            self._listener.on_ended()

    async def _converse(self) -> None:
        """Talk, with one server after another until the AI was heard. Raises ProviderFailed."""
        turns: asyncio.Queue[Lease] = asyncio.Queue()
        ticket = self._leases.ticket(turns.put_nowait, self._listener.on_queued)
        try:
            while not await self._converse_once(ticket, turns):
                log.info("a talk goes to another server: it has failed before the first word")
        finally:
            self._leases.leave(ticket)
            while not turns.empty():
                turns.get_nowait().free()

    async def _converse_once(self, ticket: Ticket, turns: asyncio.Queue[Lease]) -> bool:
        """Whether the AI was heard; else another server may be asked. Raises ProviderFailed."""
        async with AsyncExitStack() as stack:
            try:
                async with Deadline(self._clock, self._limits.queue):
                    upstream, lease = await self._next(ticket, turns, stack)
            except TimeoutError:
                why = f"no model was free within {self._limits.queue:g} s"
                raise ProviderFailed("personaplex:", why) from None
            self._begin(upstream)
            try:
                async for event in upstream.events():
                    self._on_event(event)
            except ProviderFailed as error:
                lease.fail(error)
                if self._spoken:
                    raise
            finally:
                self._upstream = None
            if not self._spoken:
                lease.fail(ProviderFailed(lease.member, "has ended the talk before it began"))
            return self._spoken

    async def _next(
        self, ticket: Ticket, turns: asyncio.Queue[Lease], stack: AsyncExitStack
    ) -> tuple[Upstream, Lease]:
        """A server that has taken the talk; `stack` lets go of it. Raises ProviderFailed."""
        while True:
            self._leases.wait(ticket)
            lease = await turns.get()
            stack.callback(lease.free)
            url = with_persona(lease.member, self._persona, self._said)
            opening = open_upstream(
                url,
                self._clock,
                connect_timeout=self._limits.connect,
                handshake_timeout=self._limits.handshake,
            )
            try:
                upstream = await stack.enter_async_context(opening)
            except UpstreamBusy:
                lease.busy()
            except ProviderFailed as error:
                lease.fail(error)
            else:
                lease.well()
                return upstream, lease

    def _begin(self, upstream: Upstream) -> None:
        self._upstream = upstream
        for pcm in self._kept:
            upstream.hear(pcm)
        if self._paused:
            upstream.control(Control.PAUSE)
        if not self._ready:
            self._ready = True
            self._listener.on_ready()

    # -- what is heard and said --------------------------------------------------------------

    def _on_event(self, event: Event) -> None:
        if not self._spoken and _is_said(event):
            self._spoken = True
            self._kept.clear()
        if self._paused:
            self._held.append(event)
        else:
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Voice):
            self._voice_ends = max(self._voice_ends, self._clock.time())
            self._voice_ends += len(event.pcm) / DUPLEX_RATE
            self._voice_samples += len(event.pcm)
            self._listener.on_voice(event.pcm)
        else:
            self._listener.on_words(event.text)


def _is_said(event: Event) -> bool:
    """Whether a person has heard that: words, or sound that is not silence."""
    if isinstance(event, Voice):
        return bool(event.pcm.max() > AUDIBLE or event.pcm.min() < -AUDIBLE)
    return True
