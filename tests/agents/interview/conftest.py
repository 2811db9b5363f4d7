"""Interviewers without a network, and a way to talk with them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from greenroom.agents.interview import InterviewAgent, InterviewAgents
from greenroom.agents.ports import Message
from support.agent_talks import SpokenTalk


@pytest.fixture
async def offline() -> AsyncIterator[InterviewAgents]:
    agents = InterviewAgents()
    await agents.warm_up()
    yield agents
    await agents.close()


@pytest.fixture
def talk_with() -> Callable[[InterviewAgent], SpokenTalk[InterviewAgent]]:
    """A talk that the agent has opened."""
    return lambda agent: SpokenTalk(agent, [Message("assistant", agent.opening())])
