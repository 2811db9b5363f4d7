"""What hosts the orchestrator's agents, in a server or on a worker: their ears, voice, mind."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from datetime import UTC, datetime

from greenroom.agents.assistant.agents import AssistantAgents
from greenroom.agents.assistant.phrases import likely_sentences
from greenroom.app.conversations import Cast, Conversations, Kept
from greenroom.app.engines import Engines, warm_up
from greenroom.app.metering import Meter
from greenroom.app.providers import model_loader, model_names
from greenroom.providers.prices import PriceTable
from greenroom.providers.usage import UsageListener
from greenroom.rooms.ports import Rooms
from greenroom.rooms.recording.conversations import RecordedConversations
from greenroom.rooms.recording.service import Recordings
from greenroom.sessions.model import Session
from greenroom.sessions.service import SessionService
from greenroom.settings import Settings
from greenroom.workers.host import AgentHost, AgentParts
from greenroom.workers.order import AgentOrder


async def open_agent_host(
    settings: Settings,
    sessions: SessionService,
    rooms: Rooms,
    recordings: Recordings,
    engines: Engines,
    stack: AsyncExitStack,
    *,
    capacity: int,
) -> AgentHost:
    """A host for `capacity` agents at once, warm, whose parts are ended with `stack`.

    Drain the host before. Raises ConfigurationError where a setting doesn't fit.
    """
    providers = settings.providers
    transcriber = engines.transcriber(stack, likely_sentences())
    agents = AssistantAgents(
        model_loader(settings), providers.instructions, name=model_names(settings)
    )
    stack.push_async_callback(agents.close)
    await warm_up(transcriber.warm_up, engines.synthesizer.warm_up, agents.warm_up)

    def new_agent(session: Session, kept: Kept, on_usage: UsageListener) -> Cast:
        order = AgentOrder.of(session)
        agent = agents.create(order.system_prompt, kept, on_usage, seed=session.id)
        return Cast(agent, order.opening_line, order.voice)

    conversations = RecordedConversations(
        Conversations(
            settings,
            sessions,
            engines.voice_activity,
            transcriber,
            engines.synthesizer,
            Meter(PriceTable(providers.prices), providers.currency),
            new_agent,
        ),
        recordings,
    )
    parts = AgentParts(
        sessions=sessions,
        conversations=conversations,
        rooms=rooms,
        settings=settings,
        clock=asyncio.get_running_loop(),
        now=lambda: datetime.now(UTC),
    )
    return AgentHost(parts, capacity)
