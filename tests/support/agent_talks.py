"""Talks with an agent in text, its replies checked as the conversation engine does it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from greenroom.agents.ports import Agent, AgentEvent, AnswerDone, Message, TextDelta, ToolRan
from greenroom.agents.turn import Turn
from greenroom.conversation.sentences import SentenceSplitter

A = TypeVar("A", bound=Agent)


async def read(agent: Agent, text: str = "hello", history: Sequence[Message] = ()) -> list[Any]:
    """All events of an answer."""
    async with asyncio.timeout(20):
        return [event async for event in agent.answer(text, history)]


def text_of(events: Sequence[AgentEvent]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def ran(events: Sequence[AgentEvent]) -> list[ToolRan]:
    return [event for event in events if isinstance(event, ToolRan)]


def sentences_of(text: str) -> list[str]:
    splitter = SentenceSplitter()
    return [*splitter.push(text), *splitter.finish()]


async def by_rules(turn: Turn[Any]) -> str:
    """The offline rules' answer, their tools run as the loop runs them."""
    steps = turn.role.offline(turn)
    try:
        call = next(steps)
        while True:
            result = await turn.role.toolbox.run(call.tool, call.arguments, turn.context)
            call = steps.send(result.result if result.ok else {"error": result.error})
    except StopIteration as done:
        return str(done.value)


@dataclass
class SpokenTalk(Generic[A]):
    """A talk; `history` is kept as a server keeps it. `intent` is the last answer's."""

    agent: A
    history: list[Message] = field(default_factory=list)
    intent: str = ""
    tools: list[ToolRan] = field(default_factory=list)

    @property
    def last(self) -> str:
        return self.history[-1].text

    async def say(self, text: str, heard: str | None = None) -> str:
        """What is answered; only `heard` of it gets into the history ("": nothing does)."""
        events = await read(self.agent, text, tuple(self.history))
        self.tools += ran(events)
        assert isinstance(events[-1], AnswerDone)
        self.intent = events[-1].intent
        sentences = sentences_of(text_of(events))
        passed = [self.agent.check(sentence) for sentence in sentences]
        assert passed == sentences, "what the rules say is for the ear"
        spoken = " ".join(sentences)
        kept = spoken if heard is None else heard
        if kept:
            self.history += [Message("user", text), Message("assistant", kept)]
        return spoken
