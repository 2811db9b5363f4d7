"""Tells a client what happens in its conversation: what the contract has, and what it asked for."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection

from greenroom.api.commerce import protocol
from greenroom.api.commerce.errors import Code, WireError
from greenroom.conversation.ports import (
    AgentReplied,
    ConversationEvent,
    ProviderTrouble,
    ReplyFinished,
    ReplyInterrupted,
    UserSaid,
)

log = logging.getLogger(__name__)

_TROUBLES = {
    "transcriber": WireError(Code.AUDIO_PROCESSING_ERROR, "Failed to process audio input"),
    "synthesizer": WireError(
        Code.AUDIO_PROCESSING_ERROR, "Failed to make the audio of a sentence; its text is complete"
    ),
    "agent": WireError(Code.INTERNAL_ERROR, "The agent failed to answer"),
}


class Narrator:
    """A `conversation.ports.Listener`. `interim` and `events` are what the client asked for."""

    def __init__(
        self,
        tell: Callable[[str], None],
        session_id: str,
        *,
        interim: bool,
        events: Collection[str],
    ) -> None:
        self._tell = tell
        self._session_id = session_id
        self._interim = interim
        self._events = frozenset(events)

    def __call__(self, event: ConversationEvent) -> None:
        """Pass an event on."""
        match event:
            case UserSaid():
                if event.final or self._interim:
                    self._tell(protocol.transcription(event))
            case AgentReplied():
                self._tell(protocol.agent_response(event, with_id=bool(self._events)))
            case ReplyInterrupted():
                if "agent.interrupted" in self._events:
                    self._tell(protocol.agent_interrupted(event))
            case ReplyFinished():
                if "playback" in self._events:
                    played = event.played_ms
                    self._tell(protocol.playback(event.reply_id, "finished", played))
            case ProviderTrouble():
                log.warning("session %s: %s failed: %s", self._session_id, event.part, event.why)
                self._tell(protocol.error_message(_TROUBLES[event.part]))
