"""Opens conversations: the providers are shared, each conversation gets an agent of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from greenroom.agents.ports import Agent
from greenroom.conversation.conversation import (
    Conversation,
    Providers,
    VoiceActivityDetector,
    spoken_messages,
)
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.sessions import views
from greenroom.sessions.model import Record, Session
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings
from greenroom.speech.ports import VOICES, Synthesizer, Transcriber

AgentFactory = Callable[[dict[str, Any]], Agent]
"""Makes an agent that remembers what a `ContextEntry` of the session's earlier talk kept."""


@dataclass(frozen=True, slots=True)
class Conversations:
    """Everything that conversations share."""

    settings: Settings
    sessions: SessionService
    voice_activity: VoiceActivityDetector
    transcriber: Transcriber
    synthesizer: Synthesizer
    new_agent: AgentFactory

    def open(
        self,
        session: Session,
        *,
        output: AudioOutput,
        listener: Listener,
        records: Sequence[Record],
    ) -> Conversation:
        """A conversation for `session`, taken up where `records` left it. Close it when done."""
        providers = Providers(
            self.voice_activity,
            self.transcriber,
            self.synthesizer,
            self.new_agent(views.last_context(records)),
            self._voice(session),
        )
        said = [entry for _, entry in views.transcript(records)]
        return Conversation(
            providers,
            output=output,
            listener=listener,
            journal=lambda entry: self.sessions.append(session.id, entry),
            turns=self.settings.turns,
            replies=self.settings.replies,
            clock=asyncio.get_running_loop(),
            history=spoken_messages(said),
            greeting=self.settings.providers.greeting,
        )

    def _voice(self, session: Session) -> str:
        """The voice that the session's preferences ask for, if it is one of ours."""
        context = session.settings.get("context")
        preferences = context.get("preferences") if isinstance(context, dict) else None
        asked = preferences.get("voice") if isinstance(preferences, dict) else None
        return asked if asked in VOICES else self.settings.providers.voice
