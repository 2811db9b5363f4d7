"""The agents of free talks: a model, an assistant's tools, and one memory for each talk.

This module is cheap to import; pydantic-ai is loaded by `warm_up`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from greenroom.agents.assistant import offline
from greenroom.agents.assistant.instructions import ASSISTANT, brief
from greenroom.agents.assistant.intents import recognise
from greenroom.agents.assistant.memory import AssistantMemory
from greenroom.agents.assistant.tools import AssistantToolbox, Now, local_now
from greenroom.agents.model_agents import ModelAgents, ModelSource
from greenroom.agents.models import OFFLINE
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.agents.role import Role
from greenroom.agents.speakable import Speakable
from greenroom.agents.unspoken import SilentParts
from greenroom.providers.usage import UsageListener


class AssistantAgents(ModelAgents[AssistantMemory]):
    """Makes assistants; for `model`, `instructions` and `name` see `ModelAgents`."""

    def __init__(
        self,
        model: ModelSource = OFFLINE,
        instructions: str = "",
        *,
        name: str = "",
        now: Now = local_now,
    ) -> None:
        role = Role("assistant", ASSISTANT, AssistantToolbox(now), brief, offline.answer)
        super().__init__(role, model, instructions, name=name)

    def create(
        self,
        prompt: str = "",
        kept: dict[str, Any] | None = None,
        on_usage: UsageListener | None = None,
        *,
        seed: str = "",
    ) -> AssistantAgent:
        """The agent of one talk.

        `prompt` is its operator's: who it is and what the talk is for. `kept` is the snapshot of a
        talk that is taken up again; `on_usage` is told what requests to the model have used up.
        `seed` (the session's id) chooses among wordings: the same one says the same again. Raises
        ValueError where `kept` is no snapshot.
        """
        prompt = prompt.strip()
        if kept:
            memory = AssistantMemory.from_json(prompt, kept)
        else:
            memory = AssistantMemory(prompt, zlib.crc32(f"{seed} {prompt}".encode()))
        return AssistantAgent(self, memory, on_usage)


class AssistantAgent:
    """One talk's agent (see `agents.ports.Agent`)."""

    def __init__(
        self,
        agents: AssistantAgents,
        memory: AssistantMemory,
        on_usage: UsageListener | None = None,
    ) -> None:
        self._agents = agents
        self.memory = memory
        self._on_usage = on_usage
        self._speakable = Speakable()
        self._earlier: tuple[int, dict[str, Any]] | None = None

    async def answer(
        self, text: str, history: Sequence[Message]
    ) -> AsyncGenerator[AgentEvent, None]:
        """Think about `text` and answer; see the port."""
        await self._read_prompt()
        self._take_back_what_was_not_heard(len(history))
        self._speakable, silent = Speakable(), SilentParts()
        wanted = recognise(text).intent
        running = self._agents.run(text, self.memory, history, self._on_usage)
        async with aclosing(running) as events:
            async for event in events:
                match event:
                    case TextDelta(piece):
                        if heard := silent.push(piece):
                            yield TextDelta(heard)
                    case AnswerDone(usage=usage):
                        if rest := silent.finish():
                            yield TextDelta(rest)
                        yield AnswerDone(wanted, usage)
                    case _:
                        yield event

    def check(self, sentence: str) -> str:
        """What may be spoken for a sentence; see the port."""
        return self._speakable.check(sentence)

    def snapshot(self) -> dict[str, Any]:
        """The memory, as JSON values."""
        return self.memory.to_json()

    async def _read_prompt(self) -> None:
        """Have the prompt read before the rules need it: a long one takes too long for the loop."""
        if self._earlier is None and OFFLINE in self._agents.provider:
            await asyncio.to_thread(self.memory.read_prompt)

    def _take_back_what_was_not_heard(self, number: int) -> None:
        """A history that has not grown: nothing of the last answer was heard.

        The words that it answered come again, with more behind them, so what they changed is taken
        back: no note is kept twice.
        """
        if self._earlier is not None and self._earlier[0] == number:
            earlier = AssistantMemory.from_json(self.memory.prompt, self._earlier[1])
            earlier.knowledge = self.memory.knowledge
            self.memory = earlier
        self._earlier = (number, self.snapshot())
