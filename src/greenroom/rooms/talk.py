"""A conversation's place in a room: it hears the people there, and is heard by them.

The agent is in the room from the start; it publishes its voice when the first human is there, so
that a room that nobody enters costs next to nothing. It takes a human for there only when its voice
reaches somebody: whoever spoke at once would be missed by a client that is still connecting.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.conversation.ports import AudioOutput, Conversation, ConversationEvent
from greenroom.errors import GreenroomError
from greenroom.providers.clock import Clock
from greenroom.rooms.captions import Captions
from greenroom.rooms.mixing import Mixer
from greenroom.rooms.output import RoomOutput
from greenroom.rooms.ports import (
    Joining,
    ParticipantJoined,
    ParticipantLeft,
    Room,
    RoomClosed,
    RoomEvent,
    Rooms,
    TrackStarted,
)
from greenroom.rooms.presence import Presence
from greenroom.settings import RoomSettings

log = logging.getLogger(__name__)

AGENT = "agent"
"""The agent's identity in every room of ours."""

EVICTED = "duplicate_identity"
"""Why the room is gone for an agent in whose place another one has joined it: LiveKit's word."""
VOICELESS = "the agent's voice could not be published"
"""Why a talk is over that has never been heard."""

RECEPTION_TIMEOUT = 2.0
"""Seconds in which somebody who has come should receive the agent's voice. After that it is taken
for heard all the same: who never subscribes to it may still speak, and read the captions."""


class RoomTalk:
    """One conversation in one room. Make it with `open`, end it with `close`.

    `on_presence` is told when there is somebody who can hear the agent (then `output` is the way to
    them; RECEPTION_TIMEOUT bounds how long that takes) and when there is nobody any more;
    `on_absent` when nobody came in time, or came back in time; `on_gone` once, with why (EVICTED,
    VOICELESS, or in other words), when the room is gone or its agent was removed. `on_human` is
    told of each human, by identity, who comes (True) and goes; `on_voice` whenever the agent begins
    to be heard.
    """

    def __init__(
        self,
        room: Room,
        *,
        settings: RoomSettings,
        clock: Clock,
        voice_rate: int,
        on_presence: Callable[[bool], None],
        on_absent: Callable[[], None],
        on_gone: Callable[[str], None],
        on_human: Callable[[str, bool], None] = lambda _identity, _here: None,
        on_voice: Callable[[], None] = lambda: None,
    ) -> None:
        self._room = room
        self._clock = clock
        self._voice_rate = voice_rate
        self._on_presence = on_presence
        self._on_gone = on_gone
        self._on_voice = on_voice
        self._conversation: Conversation | None = None
        self._output: RoomOutput | None = None
        self._audible = False
        self._captions = Captions(room, clock)
        self._mixer = Mixer(self._hear, clock)
        self._tracks: dict[str, str] = {}
        self._voice_track = ""
        self._attending = False
        self._reaching: asyncio.Task[None] | None = None
        self._closed = False
        self._presence = Presence(
            clock,
            join_timeout=settings.join_timeout,
            absence=settings.human_absence,
            on_change=self._on_change,
            on_absent=on_absent,
            on_human=on_human,
        )

    @classmethod
    async def open(
        cls,
        rooms: Rooms,
        name: str,
        *,
        settings: RoomSettings,
        clock: Clock,
        voice_rate: int,
        on_presence: Callable[[bool], None],
        on_absent: Callable[[], None],
        on_gone: Callable[[str], None],
        on_human: Callable[[str, bool], None] = lambda _identity, _here: None,
        on_voice: Callable[[], None] = lambda: None,
    ) -> RoomTalk:
        """Join the room `name`; `voice_rate` is the Hz of the agent's voice.

        Raises CapacityExceeded, RoomsFailed.
        """
        room = await rooms.join(Joining(name, AGENT, name="Agent"))
        return cls(
            room,
            settings=settings,
            clock=clock,
            voice_rate=voice_rate,
            on_presence=on_presence,
            on_absent=on_absent,
            on_gone=on_gone,
            on_human=on_human,
            on_voice=on_voice,
        )

    @property
    def anybody(self) -> bool:
        """Whether somebody is there to whom the agent has published its voice."""
        return self._output is not None and self._presence.anybody and not self._closed

    @property
    def audible(self) -> bool:
        """Whether somebody is there who can hear the agent: as `on_presence` was told last."""
        return self._audible and not self._closed

    @property
    def output(self) -> AudioOutput | None:
        """The way to the people in the room; None until somebody was there."""
        return self._output

    def attend(self) -> None:
        """Tell who is there from now on; those who are there already first."""
        if not self._attending:
            self._attending = True
            self._room.listen(self._on_event)

    def connect(self, conversation: Conversation) -> None:
        """Hear and be heard from now on, and `attend`. Once."""
        self._conversation = conversation
        self._begin_captions()
        self._room.hear(self._on_sound, rate=HEARING_RATE)
        self.attend()

    def __call__(self, event: ConversationEvent) -> None:
        """A `conversation.ports.Listener`: what is said is written into the room."""
        self._captions(event)

    async def close(self) -> None:
        """Leave the room. Harmless twice."""
        self._closed = True
        self._presence.close()
        if self._reaching is not None:
            self._reaching.cancel()
            await asyncio.wait([self._reaching])
        await self._captions.close()
        await self._room.close()

    def _on_event(self, event: RoomEvent) -> None:
        match event:
            case ParticipantJoined(participant):
                self._presence.joined(participant)
            case ParticipantLeft(participant):
                self._mixer.remove(participant.identity)
                self._tracks.pop(participant.identity, None)
                self._presence.left(participant)
            case TrackStarted(participant, sid, "audio"):
                self._tracks[participant.identity] = sid
            case RoomClosed(reason):
                self._gone(reason)
            case _:
                pass

    def _on_sound(self, identity: str, pcm: Pcm) -> None:
        self._captions.hears(identity, self._tracks.get(identity, ""))
        self._mixer.add(identity, pcm)

    def _hear(self, pcm: Pcm) -> None:
        if self._conversation is not None:
            self._conversation.hear(pcm)

    def _on_change(self, anybody: bool) -> None:
        if self._closed:
            return
        if anybody:
            if self._reaching is None or self._reaching.done():
                self._reaching = asyncio.get_running_loop().create_task(self._reach())
                self._reaching.add_done_callback(self._reached)
        elif self._audible:
            self._audible = False
            self._on_presence(False)
        elif self._reaching is not None and self._output is not None:
            self._reaching.cancel()  # what is being published is published for who comes next
            self._reaching = None

    async def _reach(self) -> None:
        """Be heard by who is there, and say so."""
        output = self._output or await self._publish()
        if not self._presence.anybody:
            return
        if not await output.wait_until_received(RECEPTION_TIMEOUT):
            log.info("room %s: nobody receives the agent's voice yet", self._room.name)
        self._audible = True
        self._on_presence(True)

    async def _publish(self) -> RoomOutput:
        track = await self._room.publish_audio(self._voice_rate)
        self._voice_track = track.sid
        self._begin_captions()
        self._output = RoomOutput(track, self._clock, self._captions.reply_began, self._on_voice)
        return self._output

    def _begin_captions(self) -> None:
        """Once there are both words and a voice."""
        if self._conversation is not None and self._voice_track:
            self._captions.start(self._conversation.heard, self._voice_track)

    def _reached(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None or self._closed:
            return
        if isinstance(error, GreenroomError):
            log.warning("room %s: no voice: %s", self._room.name, error)
        else:
            log.error("room %s: publishing the voice failed", self._room.name, exc_info=error)
        self._gone(VOICELESS)

    def _gone(self, why: str) -> None:
        if not self._closed:
            self._closed = True
            self._presence.close()
            self._on_gone(why)
