"""A way to talk with an interviewer, its replies checked as the conversation engine does it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import pytest

from greenroom.agents.interview import InterviewAgent, InterviewAgents
from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.conversation.sentences import SentenceSplitter


@dataclass
class Talk:
    """A talk; `history` is kept as a server keeps it, from the opening on."""

    agent: InterviewAgent
    history: list[Message] = field(default_factory=list)
    intent: str = ""
    tools: list[ToolRan] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.history:
            self.history.append(Message("assistant", self.agent.opening()))

    @property
    def last(self) -> str:
        return self.history[-1].text

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
        spoken = " ".join(filter(None, map(self.agent.check, sentences)))
        kept = spoken if heard is None else heard
        if kept:
            self.history += [Message("user", text), Message("assistant", kept)]
        return spoken


@pytest.fixture
async def offline() -> AsyncIterator[InterviewAgents]:
    agents = InterviewAgents()
    await agents.warm_up()
    yield agents
    await agents.close()


@pytest.fixture
def talk_with() -> Callable[[InterviewAgent], Talk]:
    return Talk
