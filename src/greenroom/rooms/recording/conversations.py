"""Records whole conversations, wherever they take place: on a WebSocket or in a room.

    conversations = RecordedConversations(conversations, recordings)

Whoever opens conversations (`conversation.ports.Conversations`, or what opens them for rooms) is
given this in the place of the conversations themselves, and knows nothing of it. A place that opens
no conversation this way does the same by hand:

    recording = recordings.begin(session.id, session.settings, clock=loop)
    output = RecordedOutput(output, recording)        # the agent's side
    recording.user(pcm, 16_000)                       # the user's side, wherever it is heard
    await recording.close()                           # after the conversation
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from greenroom.audio.pcm import HEARING_RATE, Pcm
from greenroom.conversation.ports import AudioOutput, Conversation, Conversations, Listener
from greenroom.rooms.recording.output import RecordedOutput
from greenroom.rooms.recording.recording import Recording
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.model import Record, Session


class RecordedConversation:
    """A conversation, and the recording that ends with it."""

    def __init__(self, conversation: Conversation, recording: Recording) -> None:
        self._conversation = conversation
        self._recording = recording

    async def start(self) -> None:
        """Begin the conversation."""
        await self._conversation.start()

    def hear(self, pcm: Pcm) -> None:
        """Record the samples, and hand them on."""
        self._recording.user(pcm, HEARING_RATE)
        self._conversation.hear(pcm)

    def heard(self) -> str:
        """The words of the current reply that the user has heard by now."""
        return self._conversation.heard()

    def begun(self) -> str:
        """The words of the current reply of which the user has heard the beginning by now."""
        return self._conversation.begun()

    def say_as_user(self, text: str) -> None:
        """Take `text` as said by the user."""
        self._conversation.say_as_user(text)

    def end_turn(self) -> None:
        """The user says that they have finished what they were saying."""
        self._conversation.end_turn()

    def interrupt(self) -> None:
        """Cut the reply that is spoken."""
        self._conversation.interrupt()

    async def close(self) -> None:
        """End both: what is cut as the conversation ends is not on the record."""
        try:
            await self._conversation.close()
        finally:
            await self._recording.close()


class RecordedConversations:
    """Opens conversations and records those that `recordings` says are to be recorded."""

    def __init__(self, conversations: Conversations, recordings: Recordings) -> None:
        self._conversations = conversations
        self._recordings = recordings

    @property
    def voice_rate(self) -> int:
        """Hz of the agents' voice."""
        return self._conversations.voice_rate

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
        opening: str | None = None,
    ) -> Conversation:
        """A conversation for `session`; closing it ends its recording."""
        loop = asyncio.get_running_loop()
        recording = self._recordings.begin(session.id, session.settings, clock=loop)
        if recording is None:
            return self._conversations.open(
                session, output=output, listener=listener, records=records, opening=opening
            )
        try:
            conversation = self._conversations.open(
                session,
                output=RecordedOutput(output, recording),
                listener=listener,
                records=records,
                opening=opening,
            )
        except BaseException:
            recording.end()
            raise
        return RecordedConversation(conversation, recording)
