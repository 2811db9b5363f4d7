"""Opens conversations: the providers are shared, each conversation gets an agent of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from greenroom.agents.ports import Agent
from greenroom.app.metering import Meter
from greenroom.conversation.conversation import (
    Conversation,
    Providers,
    VoiceActivityDetector,
    spoken_messages,
)
from greenroom.conversation.ports import AudioOutput, Listener
from greenroom.providers.usage import UsageListener
from greenroom.sessions import views
from greenroom.sessions.model import Entry, Record, Session, TranscriptEntry
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings
from greenroom.speech.ports import VOICES
from greenroom.speech.synthesizer_chain import SynthesizerChain
from greenroom.speech.transcriber_chain import TranscriberChain

Kept: TypeAlias = dict[str, Any]
"""What the `ContextEntry` of a session's earlier talk has."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who talks in a session: an agent, how it greets ("": it doesn't), and its voice.

    Without a voice, or with one that is none of ours, it has the voice of the settings.
    """

    agent: Agent
    greeting: str = ""
    voice: str | None = None


AgentFactory = Callable[[Session, Kept, UsageListener], Cast]
"""Makes the agent of a session, which remembers what was kept. The listener is told what its
requests to a model use up.
"""


@dataclass(frozen=True, slots=True)
class Conversations:
    """Everything that conversations share."""

    settings: Settings
    sessions: SessionService
    voice_activity: VoiceActivityDetector
    transcriber: TranscriberChain
    synthesizer: SynthesizerChain
    meter: Meter
    new_agent: AgentFactory
    writes_words: bool = True
    """Whether what is said is journaled here; else whoever opens a conversation does that, and is
    also told what the user says beside a reply."""

    @property
    def voice_rate(self) -> int:
        """Hz of the agents' voice."""
        return self.synthesizer.rate

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

        def journal(entry: Entry) -> None:
            if self.writes_words or not isinstance(entry, TranscriptEntry):
                self.sessions.append(session.id, entry)

        on_usage = self.meter.listener(journal)
        cast = self.new_agent(session, views.last_context(records), on_usage)
        providers = Providers(
            self.voice_activity,
            self.transcriber.for_session(on_usage),
            self.synthesizer.for_session(on_usage),
            cast.agent,
            cast.voice if cast.voice in VOICES else self.settings.providers.voice,
        )
        said = spoken_messages([entry for _, entry in views.transcript(records)])
        if opening is None:
            opening = "" if said else cast.greeting
        return Conversation(
            providers,
            output=output,
            listener=listener,
            journal=journal,
            turns=self.settings.turns,
            replies=self.settings.replies,
            clock=asyncio.get_running_loop(),
            history=said,
            greeting=opening,
            asides=not self.writes_words,
        )


def preferred_voice(session: Session) -> str | None:
    """The voice that the session's preferences ask for."""
    context = session.settings.get("context")
    preferences = context.get("preferences") if isinstance(context, dict) else None
    return preferences.get("voice") if isinstance(preferences, dict) else None
