"""One duplex session on this node, from its beginning to its end."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable, Sequence

from greenroom.audio.pcm import Pcm
from greenroom.duplex.archive import wants_recording
from greenroom.duplex.connection import Connection
from greenroom.duplex.model_talk import ModelTalk
from greenroom.duplex.parts import TalkParts
from greenroom.duplex.ports import ChatClient, Persona, Said
from greenroom.duplex.recorded_talk import RecordedTalk
from greenroom.duplex.transcript import TranscriptKeeper
from greenroom.errors import InvalidInput
from greenroom.sessions.life import Ended, SessionLife
from greenroom.sessions.model import (
    EndReason,
    LifecycleEntry,
    Session,
    Status,
    TranscriptEntry,
)

FINISH_WITHIN = 1.8
"""Seconds that a session which is stopped waits for the AI's sentence; the rest of two seconds is
for ending."""
_LOOK = 0.1

_log = logging.getLogger(__name__)


class LiveTalk:
    """Opens a started session's talk with the model, keeps its transcript, and winds it all up.

    It waits for a connection before it opens the model, so that nobody misses the first word.
    `on_gone` is called once the session is recorded and let go of, with the session where it has
    ended; `on_changed` when there is more to see of it. It is the listener of its ModelTalk.
    """

    def __init__(
        self,
        parts: TalkParts,
        session: Session,
        persona: Persona,
        said: Sequence[Said],
        *,
        on_gone: Callable[[LiveTalk, Session | None], None],
        on_changed: Callable[[], None],
    ) -> None:
        self.id = session.id
        self.opened = asyncio.Event()
        """Set when the model has taken the talk, or when it is clear that it never will."""
        self._life = SessionLife(
            parts.sessions, session.id, parts.clock, stop=self._stop, what="duplex"
        )
        self.gone = self._life.gone
        """Set when everything is recorded and freed."""
        self._parts = parts
        self._session = session
        self._persona = persona
        self._said = said
        self._on_gone = on_gone
        self._on_changed = on_changed
        started = session.started_at or parts.now()
        self._origin = parts.clock.time() - (parts.now() - started).total_seconds()
        self._keeper = TranscriptKeeper(self._write, secrets.token_hex(4))
        self._recorded: RecordedTalk | None = None
        self._talk = self._new_talk()
        self._connection: Connection | None = None
        self._connected = asyncio.Event()
        self._was_connected = False
        self._is_ready_told = False
        self._begun = False
        self._paused = False
        self._restart = asyncio.Event()
        self._finishing: Ended | None = None
        self._finish_by = 0.0
        self._task = asyncio.create_task(
            self._life.live(self._go_on, self._wind_up), name=f"talk-{self.id}"
        )
        self._await_connection()

    # What the sessions do.

    def connect(self, client: ChatClient) -> Connection:
        """Give it into the hands of a client; the one before is told. Raises SessionEnded."""
        self._life.require_live()
        if self._was_connected:
            self._note("reconnected")
        self._was_connected = True
        before, self._connection = self._connection, Connection(client, self)
        self._is_ready_told = False
        self._life.cancel("grace")
        self._connected.set()
        self._paused = False
        self._talk.set_paused(False)
        if before is not None:
            before.client.on_replaced()
        # Told where it stands once its connection has this object in hand.
        asyncio.get_running_loop().call_soon(self._greet, self._connection)
        return self._connection

    async def wait_opened(self) -> None:
        """Return when the model has taken the talk. Raises what has kept it from that."""
        await self.opened.wait()
        if self._life.failure is not None:
            raise self._life.failure

    @property
    def ending(self) -> bool:
        """Whether it is being wound up, or is gone."""
        return self._life.ending

    def end(self, ended: Ended) -> None:
        """Wind it up. The first call counts."""
        self._life.end(ended)

    def finish(self, ended: Ended) -> None:
        """Wind it up after the sentence that the AI is saying, if somebody listens."""
        if self._finishing is None:
            self._finishing = ended
            self._finish_by = self._parts.clock.time() + FINISH_WITHIN
            self._look_finished()

    # What its connection does: `connection.Talk`.

    def is_connected(self, connection: Connection) -> bool:
        """See `connection.Talk`."""
        return connection is self._connection and not self._life.ending

    def hear(self, pcm: Pcm) -> None:
        """See `connection.Talk`. While it finishes nothing is heard: it would be answered."""
        if self._paused or self._finishing is not None or not len(pcm):
            return
        if self._recorded is not None:
            self._recorded.user(pcm)
        self._talk.hear(pcm)

    def type(self, text: str) -> None:
        """See `ports.LiveSession`. Raises InvalidInput, CapacityExceeded."""
        if not text.strip():
            raise InvalidInput("text", "is empty")
        longest = self._parts.settings.max_prompt
        if len(text) > longest:
            raise InvalidInput("text", f"has {len(text)} characters", f"at most {longest}")
        if self._finishing is None:
            self._talk.type(text)
            self._keeper.user_words(text, self._position())
            self._on_changed()

    def end_turn(self) -> None:
        """See `ports.LiveSession`."""
        if self._finishing is None:
            self._talk.end_turn()

    def set_paused(self, paused: bool) -> None:
        """See `ports.LiveSession`."""
        self._paused = paused
        self._talk.set_paused(paused)

    def restart(self) -> None:
        """See `ports.LiveSession`."""
        if self._begun and self._finishing is None:
            self._restart.set()

    def lose(self, *, finished: bool) -> None:
        """See `connection.Talk`."""
        self._connection = None
        if self._finishing is not None or finished:
            self.end(self._finishing or Ended(Status.COMPLETED, EndReason.CLIENT_STOPPED))
        else:
            # Nobody listens.
            self.on_flush()
            self._talk.set_paused(True)
            self._await_connection()

    # What the model tells: `ports.TalkListener`.

    def on_queued(self, position: int) -> None:
        """See TalkListener."""
        if self._connection is not None:
            self._connection.client.on_queued(position)

    def on_ready(self) -> None:
        """See TalkListener."""
        if self._connection is not None:
            self._is_ready_told = True
            self._connection.client.on_ready()

    def on_voice(self, pcm: Pcm) -> None:
        """See TalkListener. What comes while nobody listens is never heard."""
        if self._connection is None or self._life.ending:
            return
        if self._recorded is not None:
            self._recorded.voice(pcm)
        self._connection.client.on_voice(pcm)

    def on_flush(self) -> None:
        """See TalkListener."""
        self._keeper.cut(self._position())
        if self._recorded is not None:
            self._recorded.flush()
        if self._connection is not None:
            self._connection.client.on_flush()
        self._on_changed()

    def on_words(self, text: str) -> None:
        """See TalkListener."""
        if self._connection is None:
            return
        t = self._position()
        if self._finishing is not None and self._keeper.begins_sentence(text, t):
            self.end(self._finishing)
            return
        self._keeper.ai_words(text, t)
        self._connection.client.on_words(text)
        self._on_changed()

    def on_user_words(self, text: str, began: float) -> None:
        """See TalkListener; `began` in seconds of the session."""
        self._keeper.user_words(text, began)
        self._on_changed()

    def on_failure(self, why: str) -> None:
        """See TalkListener."""
        _log.warning("session %s: its model has failed: %s", self.id, why)
        self.end(self._finishing or Ended(Status.FAILED, EndReason.AGENT_FAILED, why))

    def on_ended(self) -> None:
        """See TalkListener."""
        self.end(self._finishing or Ended(Status.COMPLETED, EndReason.AGENT_FINISHED))

    # What happens to it.

    def _stop(self, reason: EndReason) -> None:
        """From outside, as `SessionService.hold` says."""
        if reason is EndReason.REPLACED:
            self._life.end(None)
        elif reason is EndReason.CLIENT_STOPPED:
            self.finish(Ended(Status.STOPPED, reason))
        else:
            self.end(Ended(Status.STOPPED, reason))

    def _await_connection(self) -> None:
        lost = Ended(Status.COMPLETED, EndReason.DISCONNECTED, "nobody came back")
        self._life.after("grace", self._parts.settings.reconnect_grace, lambda: self.end(lost))

    def _look_finished(self) -> None:
        """Whether the sentence that was being said is over, or has taken too long."""
        assert self._finishing is not None  # noqa: S101 - `finish` has set it
        speaking = self._connection is not None and self._keeper.is_speaking(self._position())
        if not speaking or self._parts.clock.time() >= self._finish_by:
            self.end(self._finishing)
        else:
            self._life.after("finish", _LOOK, self._look_finished)

    def _greet(self, connection: Connection) -> None:
        """Tell a connection where the talk stands that it has come to."""
        if connection is not self._connection or self._life.ending:
            return
        if self._talk.ready and not self._is_ready_told:
            self.on_ready()
        elif self._talk.position is not None:
            connection.client.on_queued(self._talk.position)

    # Its life.

    async def _go_on(self) -> None:
        """Return when it is to end. Raises what it can't go on without."""
        await self._life.unless_ending(self._connected.wait())
        if not self._life.ending:
            self._begin()
        while not self._life.ending:
            await self._life.unless_ending(self._open())
            self.opened.set()
            await self._life.unless_ending(self._restart.wait())
            if not self._life.ending:
                await self._begin_anew()

    def _begin(self) -> None:
        settings = self._parts.settings
        longest = Ended(
            Status.STOPPED, EndReason.MAX_DURATION, f"at most {settings.max_duration:g} s"
        )
        left = settings.max_duration - self._position()
        self._life.after("longest", left, lambda: self.finish(longest))
        if self._parts.recordings is not None:
            recording = self._parts.recordings.begin(
                self.id,
                self._session.settings,
                clock=self._parts.clock,
                asked=wants_recording(self._session),
            )
            self._recorded = None if recording is None else RecordedTalk(recording)

    async def _open(self) -> None:
        await self._talk.open(self._parts.model, self._session, self._persona, self._said)
        self._begun = True

    async def _begin_anew(self) -> None:
        """Another talk with the model, which knows nothing of the one before."""
        self._restart.clear()
        self.on_flush()
        before, self._talk = self._talk, self._new_talk()
        before.silence()
        self._talk.set_paused(self._paused or self._connection is None)
        self._said = ()
        self._note("restarted")
        await before.close()

    def _new_talk(self) -> ModelTalk:
        return ModelTalk(self, now=self._position, max_early=self._parts.settings.max_early_audio)

    # Its end.

    async def _wind_up(self, ended: Ended | None) -> None:
        session: Session | None = None
        try:
            await self._talk.close()
            self._keeper.cut(self._position())
            if self._recorded is not None:
                await self._recorded.close()
            session = await self._life.record(ended)
        finally:
            self._life.let_go()
            self._on_gone(self, session)
            self.opened.set()
            self._tell(Ended.of(session, ended))
            self._on_changed()

    def _tell(self, final: Ended | None) -> None:
        connection, self._connection = self._connection, None
        if connection is None or (self._life.failure is not None and not self._begun):
            return  # who waits for `wait_opened` is told there
        if final is None:
            connection.client.on_replaced()
        else:
            connection.client.on_ended(final.reason, final.detail)

    def _write(self, entry: TranscriptEntry) -> None:
        self._parts.sessions.append(self.id, entry)

    def _note(self, event: str) -> None:
        self._parts.sessions.append(self.id, LifecycleEntry(None, event))

    def _position(self) -> float:
        """Seconds since the session's start."""
        return self._parts.clock.time() - self._origin
