"""What a conversation needs of the place it runs in, and what it tells that place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from greenroom.audio.pcm import Pcm
from greenroom.sessions.model import Entry, Record, Session


class AudioOutput(Protocol):
    """Where the agent's voice goes: a socket, a room, a file.

    A reply is a run of sentences, numbered from 0. All calls are plain and quick; what takes CPU
    (an MP3 encoder) is the output's own affair, in the order of the calls.
    """

    def begin(self, reply_id: str, turn_id: str, rate: int) -> None:
        """A new reply follows, at `rate` Hz, and is not held. Any reply before it is over."""
        ...

    def write(self, reply_id: str, sentence: int, pcm: Pcm, *, last: bool) -> None:
        """More of a sentence; `last` ends the sentence. Ignored for a reply that isn't current."""
        ...

    def end(self, reply_id: str) -> None:
        """No more sentences; what is queued plays to its end."""
        ...

    def pause(self) -> None:
        """Hold what has not been sent; the listener may hear silence. Ends with `resume`, `flush`.

        What is written meanwhile is held too.
        """
        ...

    def resume(self) -> None:
        """Go on where `pause` held."""
        ...

    def flush(self) -> float:
        """Drop all that is queued, be silent at once; return the ms of the reply that was heard."""
        ...

    def played_ms(self) -> float:
        """How much of the current reply the listener has heard by now, in ms."""
        ...

    def first_times(self) -> tuple[float | None, float | None]:
        """When the current reply's first audio was sent, and heard, on the clock; None: not yet.

        Asked before `flush`, or when all was heard.
        """
        ...

    async def wait_until_ahead(self, ms: float) -> None:
        """Return when at most `ms` of written audio are still unheard (0: all was heard).

        Cancelled by its caller when the reply is cut. One caller at a time.
        """
        ...


@dataclass(frozen=True, slots=True)
class UserSaid:
    """Words of the user; partial ones (`final` false) are replaced by later ones of the turn.

    They were said from `start_ms` to `end_ms`, in ms of the user's own sound. Written words take no
    time.
    """

    turn_id: str
    text: str
    confidence: float
    final: bool
    start_ms: float = 0.0
    end_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class UserAside:
    """Words that the user said beside a reply without taking the turn: they are not answered.

    Told where a conversation is to keep them. `start_ms` as for UserSaid.
    """

    turn_id: str
    text: str
    start_ms: float


@dataclass(frozen=True, slots=True)
class AgentReplied:
    """The complete text of a reply, before or while it is spoken."""

    turn_id: str
    reply_id: str
    text: str
    intent: str
    tools_used: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplyInterrupted:
    """The user took the turn: `heard` is what was heard of the reply, after `played_ms`."""

    turn_id: str
    reply_id: str
    heard: str
    played_ms: float


@dataclass(frozen=True, slots=True)
class ReplyFinished:
    """A reply was spoken to its end."""

    turn_id: str
    reply_id: str
    played_ms: float


@dataclass(frozen=True, slots=True)
class ProviderTrouble:
    """A provider failed and the conversation went on without it. `part`: transcriber, agent, ..."""

    turn_id: str
    part: Literal["transcriber", "agent", "synthesizer"]
    why: str


ConversationEvent: TypeAlias = (
    UserSaid | UserAside | AgentReplied | ReplyInterrupted | ReplyFinished | ProviderTrouble
)

Listener = Callable[[ConversationEvent], None]
"""Called on the event loop, in order; must be quick."""

Journal = Callable[[Entry], None]
"""Appends to the session's journal; a plain call that never blocks."""


class Conversation(Protocol):
    """What the place of a conversation, a socket or a room, does with it."""

    async def start(self) -> None:
        """Greet, where that is wanted."""
        ...

    def hear(self, pcm: Pcm) -> None:
        """Take the next samples of the user's microphone, 16 kHz."""
        ...

    def heard(self) -> str:
        """The words of the current reply that the user has heard by now."""
        ...

    def begun(self) -> str:
        """The words of the current reply of which the user has heard the beginning by now."""
        ...

    def say_as_user(self, text: str) -> None:
        """Take `text` as said by the user, who writes instead of speaking."""
        ...

    def end_turn(self) -> None:
        """The user says that they have finished what they were saying."""
        ...

    def interrupt(self) -> None:
        """Cut the reply that is spoken."""
        ...

    async def close(self) -> None:
        """End; what was being said is recorded. Harmless twice."""
        ...


class Conversations(Protocol):
    """Opens conversations."""

    @property
    def voice_rate(self) -> int:
        """Hz of the agents' voice."""
        ...

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
        opening: str | None = None,
    ) -> Conversation:
        """A conversation for `session`, taken up where `records` left it. Close it when done.

        `opening` is what the agent says first, in the place of its own greeting; that it says only
        where nothing was said before.
        """
        ...
