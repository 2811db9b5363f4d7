"""A speech-to-speech model that does as a test says, and a connection that remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from greenroom.audio.pcm import EMPTY, Pcm
from greenroom.duplex.ports import DUPLEX_RATE, DuplexTalk, Persona, Said, TalkListener
from greenroom.errors import InvalidInput
from greenroom.sessions.model import Session


class ScriptedTalk:
    """One talk with a `ScriptedDuplexModel`: a test plays the model by its `listener`."""

    def __init__(
        self, session: Session, persona: Persona, listener: TalkListener, said: Sequence[Said]
    ) -> None:
        self.session, self.persona, self.listener, self.said = session, persona, listener, said
        self.pcm: list[Pcm] = []
        self.typed: list[str] = []
        self.turns = 0
        self.paused = False
        self.closed = 0
        self.last_words = ""
        """Told when it is closed."""
        self.reads = True
        """Whether it takes what is typed."""

    @property
    def heard(self) -> Pcm:
        """All the sound that it was given."""
        return np.concatenate([EMPTY, *self.pcm])

    def say(self, text: str, seconds: float = 0.08) -> None:
        """Words, and quiet sound that goes with them."""
        self.listener.on_voice(np.ones(round(seconds * DUPLEX_RATE), np.int16))
        self.listener.on_words(text)

    def hear(self, pcm: Pcm) -> None:
        """See DuplexTalk."""
        self.pcm.append(pcm)

    def type(self, text: str) -> None:
        """See DuplexTalk."""
        if not self.reads:
            raise InvalidInput("text", "this model can't read")
        self.typed.append(text)

    def end_turn(self) -> None:
        """See DuplexTalk."""
        self.turns += 1

    def set_paused(self, paused: bool) -> None:
        """See DuplexTalk."""
        self.paused = paused

    def played(self) -> float:
        """See DuplexTalk. Nothing is known."""
        return 0.0

    async def close(self) -> None:
        """See DuplexTalk."""
        self.closed += 1
        if self.last_words and self.closed == 1:
            self.listener.on_words(self.last_words)


class ScriptedDuplexModel:
    """Opens talks and keeps them in `talks`. `ready` False: it takes sound when a test says so.

    `failure` is raised by `open`; `hold` makes `open` wait until it is set.
    """

    def __init__(
        self,
        *,
        ready: bool = True,
        failure: Exception | None = None,
        hold: asyncio.Event | None = None,
    ) -> None:
        self.uri = "scripted:"
        self.ready, self.failure, self.hold = ready, failure, hold
        self.talks: list[ScriptedTalk] = []
        self.asked = asyncio.Event()
        """Set once a talk was asked for."""
        self._opened = asyncio.Event()

    async def open(
        self, session: Session, persona: Persona, listener: TalkListener, said: Sequence[Said]
    ) -> DuplexTalk:
        """See DuplexModel."""
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        if self.failure is not None:
            raise self.failure
        talk = ScriptedTalk(session, persona, listener, said)
        self.talks.append(talk)
        self._opened.set()
        if self.ready:
            listener.on_ready()
        return talk

    async def wait_for_talk(self, number: int) -> ScriptedTalk:
        """The talk of that number, from 0, once it is there."""
        while len(self.talks) <= number:
            self._opened.clear()
            await self._opened.wait()
        return self.talks[number]

    async def warm_up(self) -> None:
        """Nothing to load."""

    async def check(self) -> None:
        """Raises what `open` would raise."""
        if self.failure is not None:
            raise self.failure

    async def close(self) -> None:
        """Nothing to end."""


class RememberingClient:
    """A `ChatClient` that remembers what it was told, in `log`, and the sound in `pcm`."""

    def __init__(self) -> None:
        self.log: list[tuple[str, str]] = []
        self.pcm: list[Pcm] = []
        self._changed = asyncio.Event()

    @property
    def words(self) -> str:
        """All the words, joined."""
        return "".join(what for kind, what in self.log if kind == "words")

    def kinds(self) -> list[str]:
        """What it was told, without the sound."""
        return [kind for kind, _ in self.log]

    async def wait_for(self, kind: str) -> str:
        """What goes with the first of that kind, once it is there."""
        while True:
            for known, what in self.log:
                if known == kind:
                    return what
            self._changed.clear()
            await self._changed.wait()

    def on_queued(self, position: int) -> None:
        """See ChatClient."""
        self._note("queued", str(position))

    def on_ready(self) -> None:
        """See ChatClient."""
        self._note("ready")

    def on_voice(self, pcm: Pcm) -> None:
        """See ChatClient."""
        self.pcm.append(pcm)

    def on_flush(self) -> None:
        """See ChatClient."""
        self._note("flush")

    def on_words(self, text: str) -> None:
        """See ChatClient."""
        self._note("words", text)

    def on_replaced(self) -> None:
        """See ChatClient."""
        self._note("replaced")

    def on_ended(self, reason: str, detail: str = "") -> None:
        """See ChatClient."""
        self._note("ended", f"{reason}: {detail}" if detail else reason)

    def _note(self, kind: str, what: str = "") -> None:
        self.log.append((kind, what))
        self._changed.set()
