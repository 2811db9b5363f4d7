"""A real shop, and a way to talk to its agent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from greenroom.agents.ports import AnswerDone, Message, TextDelta, ToolRan
from greenroom.agents.shop import ShopAgent, ShopAgents
from greenroom.commerce.demo import create
from greenroom.commerce.ports import CatalogueContext
from greenroom.commerce.toolbox import Toolbox
from support.agent_talks import ran, read, sentences_of, text_of


@dataclass
class Answer:
    """One answer, read to its end."""

    text: str
    tools: list[ToolRan]
    done: AnswerDone
    deltas: list[str]


@dataclass
class Talk:
    """A conversation with an agent; `history` is kept as a server keeps it."""

    agent: ShopAgent
    truthful: bool = True
    history: list[Message] = field(default_factory=list)

    async def say(self, text: str) -> Answer:
        events = await read(self.agent, text, tuple(self.history))
        *given, done = events
        assert isinstance(done, AnswerDone)
        assert not any(isinstance(event, AnswerDone) for event in given), "it is the last event"
        answer = text_of(events).strip()
        sentences = sentences_of(answer)
        passed = [self.agent.check(sentence) for sentence in sentences]
        if self.truthful:
            assert passed == sentences, "what the rules say is never held back"
        self.history += [Message("user", text), Message("assistant", answer)]
        deltas = [event.text for event in given if isinstance(event, TextDelta)]
        return Answer(answer, ran(given), done, deltas)


@pytest.fixture
def talk_to() -> Callable[[ShopAgent], Talk]:
    return Talk


@pytest.fixture
async def offline(toolbox: Toolbox) -> AsyncIterator[ShopAgents]:
    """Agents with the offline model."""
    shop = ShopAgents(toolbox)
    await shop.warm_up()
    yield shop
    await shop.close()


@pytest.fixture
async def toolbox(data_dir: Path) -> AsyncIterator[Toolbox]:
    catalogue = create("demo:", CatalogueContext(data_dir))
    yield Toolbox(catalogue)
    await catalogue.close()
