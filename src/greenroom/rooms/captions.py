"""What is said in a conversation, written into its room: transcripts and the agent's state.

Clients of LiveKit's agents know both forms: a text stream on topic `lk.transcription` (with the
attributes `lk.segment_id`, `lk.transcription_final`, `lk.transcribed_track_id`) and, older, a
transcription packet. The agent's attribute `lk.agent.state` is `listening`, `thinking` or
`speaking`. The agent's words are written as they are heard, so that a reply that is cut ends in
the transcript where it ended for the listener.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress

from greenroom.conversation.ports import (
    AgentReplied,
    ConversationEvent,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    UserSaid,
)
from greenroom.errors import GreenroomError
from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import Room, Segment, TextWriter

log = logging.getLogger(__name__)

TOPIC = "lk.transcription"
STATE = "lk.agent.state"
STEP = 0.15
"""Seconds between looks at how far the agent's words were heard."""
MAX_WAITING = 256
"""Messages that wait for a room that takes none; then the oldest are dropped."""

Heard = Callable[[], str]
"""The words of the current reply that were heard by now."""


class Captions:
    """Writes one conversation into one room. `close` when done; what still waits is dropped."""

    def __init__(self, room: Room, clock: Clock) -> None:
        self._room = room
        self._clock = clock
        self._heard: Heard = str
        self._user = ""
        self._user_track = ""
        self._voice_track = ""
        self._reply = ""
        self._told = ""
        self._meant = ""
        self._stream: TextWriter | None = None
        self._timer: Timer | None = None
        self._state = ""
        self._waiting: deque[Callable[[], Awaitable[None]]] = deque(maxlen=MAX_WAITING)
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self, heard: Heard, voice_track: str) -> None:
        """Write from now on; `voice_track` is the sid of the agent's voice."""
        self._heard, self._voice_track = heard, voice_track
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._send_all())
        self._become("listening")

    def hears(self, identity: str, track: str) -> None:
        """Whose microphone the user's next words come from."""
        self._user, self._user_track = identity, track

    def reply_began(self, reply_id: str) -> None:
        """The agent begins to speak."""
        if self._task is None:
            return
        self._end_reply()
        self._reply, self._told, self._meant = reply_id, "", ""
        self._look_later()

    def __call__(self, event: ConversationEvent) -> None:
        """A `conversation.ports.Listener`."""
        if self._task is None:
            return
        match event:
            case UserSaid(turn_id, text, _, final):
                self._say_user(Segment(turn_id, text, final))
                if final:
                    self._become("thinking")
            case AgentReplied(text=text):
                self._meant = text  # told as it is heard
            case ReplyInterrupted(_, _, heard):
                self._tell(heard)
                self._end_reply()
                self._become("listening")
            case ReplyFinished():
                self._tell(self._meant)
                self._end_reply()
                self._become("listening")
            case ProviderTrouble():
                pass

    async def close(self) -> None:
        """End; harmless twice."""
        self._stop_looking()
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # -- the user ----------------------------------------------------------------------------

    def _say_user(self, segment: Segment) -> None:
        who, track = self._user, self._user_track
        if not who:
            return

        async def say() -> None:
            await self._room.send_transcription(who, track, [segment])
            await self._room.send_text(
                segment.text,
                topic=TOPIC,
                attributes=_attributes(segment.id, track, final=segment.final),
                sender=who,
            )

        self._put(say)

    # -- the agent ---------------------------------------------------------------------------

    def _look(self) -> None:
        self._timer = None
        self._tell(self._heard())
        self._look_later()

    def _look_later(self) -> None:
        self._timer = self._clock.call_at(self._clock.time() + STEP, self._look)

    def _stop_looking(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tell(self, heard: str) -> None:
        """More of the reply was heard: `heard` is all of it."""
        if not self._reply or len(heard) <= len(self._told) or not heard.startswith(self._told):
            return
        more, self._told = heard[len(self._told) :], heard
        self._become("speaking")
        segment = Segment(self._reply, heard, final=False)

        async def say() -> None:
            room, track = self._room, self._voice_track
            if self._stream is None:
                self._stream = await room.open_text(
                    topic=TOPIC, attributes=_attributes(segment.id, track, final=False)
                )
            await self._stream.write(more)
            await room.send_transcription(room.identity, track, [segment])

        self._put(say)

    def _end_reply(self) -> None:
        self._stop_looking()
        reply, told, self._reply = self._reply, self._told, ""
        if not told:
            return
        segment = Segment(reply, told, final=True)

        async def end() -> None:
            stream, self._stream = self._stream, None
            if stream is not None:
                await stream.close(_attributes(segment.id, self._voice_track, final=True))
            await self._room.send_transcription(self._room.identity, self._voice_track, [segment])

        self._put(end)

    # -- sending -----------------------------------------------------------------------------

    def _become(self, state: str) -> None:
        if state == self._state:
            return
        self._state = state
        self._put(lambda: self._room.set_attributes({STATE: state}))

    def _put(self, send: Callable[[], Awaitable[None]]) -> None:
        self._waiting.append(send)
        self._wake.set()

    async def _send_all(self) -> None:
        while True:
            while self._waiting:
                send = self._waiting.popleft()
                try:
                    await send()
                except GreenroomError as error:
                    # A transcript that a room can't take is no reason to end a talk.
                    log.debug("room %s: a caption was not sent: %s", self._room.name, error)
            self._wake.clear()
            await self._wake.wait()


def _attributes(segment: str, track: str, *, final: bool) -> dict[str, str]:
    attributes = {"lk.segment_id": segment, "lk.transcription_final": str(final).lower()}
    return attributes | ({"lk.transcribed_track_id": track} if track else {})
