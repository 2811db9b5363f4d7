"""What a duplex session asks of a model, what it is told, and what the APIs ask of sessions.

Sound is mono int16 at DUPLEX_RATE both ways. All calls that are not `async` are plain, quick, for
the event loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from greenroom.audio.pcm import Pcm
from greenroom.sessions.model import Session, Status

DUPLEX_RATE = 24_000
"""Hz of the chat protocol's Opus streams and of its models (1,920 samples, 80 ms, a frame)."""

API = "duplex"
"""The name by which sessions of this API are known."""

Speaker: TypeAlias = Literal["ai", "user"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a model draws; each model uses what it understands. `seed` None: the model's choice."""

    text_temperature: float = 0.7
    audio_temperature: float = 0.8
    text_topk: int = 25
    audio_topk: int = 250
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the AI is: a voice (`NATF2.pt`), its instructions, and how it draws."""

    voice_prompt: str
    text_prompt: str = ""
    sampling: Sampling = Sampling()


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of the transcript: `t` in seconds since the session's start, when it began to be
    heard. `duration` in seconds, None where it is not known."""

    speaker: Speaker
    text: str
    t: float
    duration: float | None = None


class TalkListener(Protocol):
    """What hears of a talk with a model. Called on the event loop, in order; must not raise."""

    def on_queued(self, position: int) -> None:
        """The model is busy; this talk is number `position` (1: the next) of those that wait."""
        ...

    def on_ready(self) -> None:
        """The model takes sound now. What was heard before is kept and comes first."""
        ...

    def on_voice(self, pcm: Pcm) -> None:
        """The AI's next sound; it plays at once, behind what was handed over before."""
        ...

    def on_flush(self) -> None:
        """The AI was interrupted: what was handed over and not yet heard is to be dropped."""
        ...

    def on_words(self, text: str) -> None:
        """A piece of the AI's words, told as it begins to be heard; pieces join to sentences as
        they are (they carry their spaces)."""
        ...

    def on_user_words(self, text: str, began: float) -> None:
        """What the user said from `began` on: seconds of the user's own sound since the talk's
        beginning. At most three seconds of speech each; pieces come in order."""
        ...

    def on_failure(self, why: str) -> None:
        """The talk can't go on; `why` is safe to show. Nothing comes afterwards."""
        ...

    def on_ended(self) -> None:
        """The model has ended the talk by itself. Nothing comes afterwards."""
        ...


class DuplexTalk(Protocol):
    """One conversation with a model. Its owner closes it."""

    def hear(self, pcm: Pcm) -> None:
        """The user's next sound."""
        ...

    def type(self, text: str) -> None:
        """The user writes instead of speaking. Raises InvalidInput where a model can't read.

        The session has it on its transcript already: it is not told by `on_user_words`.
        """
        ...

    def end_turn(self) -> None:
        """The user says that the turn is over (control `end turn`)."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Hold the conversation: nothing is heard nor said until it goes on."""
        ...

    def played(self) -> float:
        """Seconds of the AI's voice that the user has heard, as far as the talk itself knows."""
        ...

    async def close(self) -> None:
        """End it; what was being said is told first. Harmless twice."""
        ...


class DuplexModel(Protocol):
    """A speech-to-speech model. One object serves all sessions of the process."""

    uri: str

    async def open(
        self, session: Session, persona: Persona, listener: TalkListener, said: Sequence[Said]
    ) -> DuplexTalk:
        """Begin a talk; `said` is what was said in the session before, where it is taken up again.

        Returns at once; the talk may then have to wait (`on_queued`). Raises CapacityExceeded,
        ProviderFailed.
        """
        ...

    async def warm_up(self) -> None:
        """Load what is needed. Raises ProviderFailed, ConfigurationError."""
        ...

    async def check(self) -> None:
        """Raises ProviderFailed where no talk could be begun now."""
        ...

    async def close(self) -> None:
        """End every talk and every helper."""
        ...


def shown_status(status: Status) -> Status:
    """One of the contract's four. It knows no failure: a session that failed was stopped."""
    return Status.STOPPED if status is Status.FAILED else status


@dataclass(frozen=True, slots=True)
class TrackedSession:
    """A session with what was said in it, as all APIs show it. Times are aware UTC."""

    session: Session
    persona: Persona
    transcript: tuple[Said, ...] = ()

    @property
    def status(self) -> str:
        """One of the contract's four."""
        return shown_status(self.session.status)

    @property
    def duration_seconds(self) -> float | None:
        """From `started_at` to `ended_at`; None before both are known."""
        started, ended = self.session.started_at, self.session.ended_at
        if started is None or ended is None:
            return None
        return (ended - started).total_seconds()


@dataclass(frozen=True, slots=True)
class SessionOrder:
    """What a client asked for, checked. `webhook_url` is told of the end; empty: nobody is."""

    persona: Persona
    webhook_url: str = ""
    recording: bool | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class ChatClient(Protocol):
    """The connection that speaks in a session. Called on the event loop, in order; must not raise.

    What the model tells passes through the session, which keeps the transcript.
    """

    def on_queued(self, position: int) -> None:
        """See TalkListener."""
        ...

    def on_ready(self) -> None:
        """Send the handshake: sound is heard now."""
        ...

    def on_voice(self, pcm: Pcm) -> None:
        """See TalkListener."""
        ...

    def on_flush(self) -> None:
        """See TalkListener."""
        ...

    def on_words(self, text: str) -> None:
        """See TalkListener."""
        ...

    def on_replaced(self) -> None:
        """Another connection speaks in the session now."""
        ...

    def on_ended(self, reason: str, detail: str = "") -> None:
        """The session is over (`reason` is an EndReason); everything is recorded."""
        ...


class LiveSession(Protocol):
    """A session while it is talked in, as its connection sees it. All calls are plain."""

    def hear(self, pcm: Pcm) -> None:
        """The person's next sound; kept where the model is not ready yet (bounded)."""
        ...

    def type(self, text: str) -> None:
        """The person writes."""
        ...

    def end_turn(self) -> None:
        """See DuplexTalk."""
        ...

    def set_paused(self, paused: bool) -> None:
        """See DuplexTalk."""
        ...

    def restart(self) -> None:
        """Begin the conversation anew with the same persona; the transcript goes on."""
        ...

    def leave(self, *, finished: bool) -> None:
        """The connection is gone. `finished`: it was closed as one closes it when all is said, and
        the session is completed; else it may come back within the grace time."""
        ...


class DuplexSessions(Protocol):
    """All duplex sessions of this server: the one way by which REST, MCP and sockets use them."""

    @property
    def voices(self) -> Sequence[str]:
        """What `Persona.voice_prompt` may be."""
        ...

    async def create(self, order: SessionOrder, *, tenant: str) -> TrackedSession:
        """A session that waits for its connection. Raises InvalidInput (`voice_prompt`, ...)."""
        ...

    async def get(self, session_id: str, *, tenant: str) -> TrackedSession:
        """With the transcript so far, also while it grows. Raises SessionNotFound."""
        ...

    async def list(
        self,
        *,
        tenant: str,
        limit: int = 50,
        before: str | None = None,
        status: str | None = None,
    ) -> Sequence[TrackedSession]:
        """Newest first; `before` is a session id (a cursor), `status` as TrackedSession has it."""
        ...

    async def enter(self, session_id: str, client: ChatClient, *, tenant: str) -> LiveSession:
        """Begin, or take over from the connection before, which is told.

        Raises SessionNotFound, SessionEnded, CapacityExceeded, ProviderFailed.
        """
        ...

    async def stop(self, session_id: str, *, tenant: str) -> TrackedSession:
        """End it (`stopped`) after the word that is being spoken, within 2 s.

        Raises SessionNotFound, SessionEnded where it has ended before.
        """
        ...

    async def type(self, session_id: str, text: str, *, tenant: str) -> None:
        """Write into a session that is talked in.

        Raises SessionNotFound, SessionEnded, InvalidInput.
        """
        ...

    def follow(self, session_id: str) -> AsyncGenerator[datetime, None]:
        """The moments at which the session's transcript or status has changed; ends with it.

        The first comes at once, so that nothing is missed by who looks at the session then; the
        last when it has ended. Changes that come while one is looked at are one. Raises
        SessionNotFound, CapacityExceeded, when it is iterated. Who stops looking before the end
        closes it.
        """
        ...

    async def drain(self, seconds: float) -> None:
        """Take no more; give those that talk `seconds`, then end all with DRAINED."""
        ...
