"""The agents of free talks: a model, an assistant's tools, and one memory for each talk.

This module is cheap to import; pydantic-ai is loaded by `warm_up`.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Any

from greenroom.agents.assistant import offline
from greenroom.agents.assistant.instructions import ASSISTANT, brief
from greenroom.agents.assistant.intents import recognise
from greenroom.agents.assistant.memory import AssistantMemory
from greenroom.agents.assistant.tools import Now, local_now, toolbox
from greenroom.agents.model_agents import ModelAgents, ModelSource
from greenroom.agents.models import OFFLINE
from greenroom.agents.ports import Message
from greenroom.agents.role import Role
from greenroom.agents.talk_agent import TalkAgent
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
        role = Role("assistant", ASSISTANT, toolbox(now), brief, offline.answer)
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


class AssistantAgent(TalkAgent[AssistantMemory]):
    """One talk's agent (see `agents.ports.Agent`)."""

    def _recognise(self, text: str) -> str:
        return recognise(text).intent

    def _restored(self, kept: dict[str, Any]) -> AssistantMemory:
        earlier = AssistantMemory.from_json(self.memory.prompt, kept)
        earlier.knowledge = self.memory.knowledge
        return earlier

    async def _prepare(self, _: Sequence[Message], /) -> None:
        """Have the prompt read before the rules need it: a long one takes too long for the loop."""
        if self.memory.knowledge is None and OFFLINE in self._agents.provider:
            await asyncio.to_thread(self.memory.read_prompt)
