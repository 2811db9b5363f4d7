"""The agent of one talk whose memory its role's tools and rules change.

This module is cheap to import; pydantic-ai is loaded by `ModelAgents.warm_up`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Generic, Protocol, TypeVar

from greenroom.agents.model_agents import ModelAgents
from greenroom.agents.ports import AgentEvent, AnswerDone, Message
from greenroom.agents.speakable import Speakable
from greenroom.providers.usage import UsageListener


class Keepable(Protocol):
    """A memory that can be kept."""

    def to_json(self) -> dict[str, Any]:
        """What is to be kept, as JSON values."""
        ...


TalkMemory = TypeVar("TalkMemory", bound=Keepable)


class TalkAgent(ABC, Generic[TalkMemory]):
    """The base of the agents of one talk (see `agents.ports.Agent`)."""

    def __init__(
        self,
        agents: ModelAgents[TalkMemory],
        memory: TalkMemory,
        on_usage: UsageListener | None = None,
    ) -> None:
        self._agents = agents
        self.memory = memory
        self._on_usage = on_usage
        self._speakable = Speakable()
        self._before: tuple[int, dict[str, Any]] | None = None

    @abstractmethod
    def _recognise(self, text: str) -> str:
        """The intent of what the person says."""

    @abstractmethod
    def _restored(self, kept: dict[str, Any]) -> TalkMemory:
        """This talk's memory as it was when its snapshot was `kept`."""

    async def _prepare(self, history: Sequence[Message], /) -> None:
        """Make the memory ready for an answer."""

    async def answer(
        self, text: str, history: Sequence[Message]
    ) -> AsyncGenerator[AgentEvent, None]:
        """Think about `text` and answer; see the port."""
        self._take_back_what_was_not_heard(len(history))
        await self._prepare(history)
        self._speakable = Speakable()
        wanted = self._recognise(text)
        running = self._agents.run(text, self.memory, history, self._on_usage)
        async with aclosing(running) as events:
            async for event in events:
                match event:
                    case AnswerDone(usage=usage):
                        yield AnswerDone(wanted, usage)
                    case _:
                        yield event

    def check(self, sentence: str) -> str:
        """What may be spoken for a sentence; see the port."""
        return self._speakable.check(sentence)

    def snapshot(self) -> dict[str, Any]:
        """The memory, as JSON values."""
        return self.memory.to_json()

    def _take_back_what_was_not_heard(self, number: int) -> None:
        """A history that has not grown: nothing of the last answer was heard.

        The words that it answered come again, with more behind them, so what they changed is taken
        back: nothing is kept twice, and no question counts as asked that nobody has heard.
        """
        if self._before is not None and self._before[0] == number:
            self.memory = self._restored(self._before[1])
        self._before = (number, self.snapshot())
