"""A way to talk with an assistant, its replies checked as the conversation engine does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from greenroom.agents.assistant import AssistantAgent, AssistantAgents
from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.conversation.sentences import SentenceSplitter

NOW = datetime(2026, 11, 28, 15, 5, tzinfo=UTC)


@dataclass
class Talk:
    """A talk; `history` is kept as a server keeps it."""

    agent: AssistantAgent
    history: list[Message] = field(default_factory=list)
    intent: str = ""
    tools: list[ToolRan] = field(default_factory=list)

    async def say(self, text: str, heard: str | None = None) -> str:
        """What is answered; only `heard` of it gets into the history ("": nothing does)."""
        deltas: list[str] = []
        async with asyncio.timeout(20):
            async for event in self.agent.answer(text, tuple(self.history)):
                match event:
                    case TextDelta(piece):
                        deltas.append(piece)
                    case ToolRan():
                        self.tools.append(event)
                    case AnswerDone(intent=intent):
                        self.intent = intent
        splitter = SentenceSplitter()
        sentences = [*splitter.push("".join(deltas)), *splitter.finish()]
        passed = [self.agent.check(sentence) for sentence in sentences]
        assert passed == sentences, "what the rules say is for the ear"
        spoken = " ".join(sentences)
        kept = spoken if heard is None else heard
        if kept:
            self.history += [Message("user", text), Message("assistant", kept)]
        return spoken


@pytest.fixture
async def offline() -> AsyncIterator[AssistantAgents]:
    agents = AssistantAgents(now=lambda: NOW)
    await agents.warm_up()
    yield agents
    await agents.close()


@pytest.fixture
def begin(offline: AssistantAgents) -> Callable[..., Talk]:
    return lambda prompt="", **kept: Talk(offline.create(prompt, seed="a", **kept))
