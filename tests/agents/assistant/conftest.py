"""Assistants without a network, and a way to talk with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import pytest

from greenroom.agents.assistant import AssistantAgent, AssistantAgents
from support.agent_talks import SpokenTalk

NOW = datetime(2026, 11, 28, 15, 5, tzinfo=UTC)


@pytest.fixture
async def offline() -> AsyncIterator[AssistantAgents]:
    agents = AssistantAgents(now=lambda: NOW)
    await agents.warm_up()
    yield agents
    await agents.close()


@pytest.fixture
def begin(offline: AssistantAgents) -> Callable[..., SpokenTalk[AssistantAgent]]:
    return lambda prompt="", **kept: SpokenTalk(offline.create(prompt, seed="a", **kept))
