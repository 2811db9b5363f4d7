"""The agents of interviews: a model, the interview's tools, and one memory for each talk.

This module is cheap to import; pydantic-ai is loaded by `warm_up`.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

from greenroom.agents.interview import offline
from greenroom.agents.interview.instructions import INTERVIEWER, brief
from greenroom.agents.interview.intents import recognise
from greenroom.agents.interview.opening import opening
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.tools import TOOLBOX
from greenroom.agents.model_agents import ModelAgents, ModelSource
from greenroom.agents.models import OFFLINE
from greenroom.agents.ports import Message
from greenroom.agents.role import Role
from greenroom.agents.talk_agent import TalkAgent
from greenroom.providers.usage import UsageListener


class InterviewAgents(ModelAgents[Interview]):
    """Makes interviewers; for `model`, `instructions` and `name` see `ModelAgents`."""

    def __init__(
        self, model: ModelSource = OFFLINE, instructions: str = "", *, name: str = ""
    ) -> None:
        role = Role("interview", INTERVIEWER, TOOLBOX, brief, offline.answer)
        super().__init__(role, model, instructions, name=name)

    def create(
        self,
        prompt: str = "",
        kept: dict[str, Any] | None = None,
        on_usage: UsageListener | None = None,
        *,
        seed: str = "",
    ) -> InterviewAgent:
        """The agent of one talk.

        `prompt` says who it is and what it is to ask; `kept` is the snapshot of a talk that is
        taken up again; `on_usage` is told what requests to the model have used up. `seed` (the
        session's id) chooses among wordings: the same one says the same again. Raises ValueError
        where `kept` is no snapshot.
        """
        plan = plan_of(prompt)
        if kept:
            interview = Interview.from_json(kept, plan)
        else:
            interview = Interview.begin(plan, zlib.crc32(f"{seed} {prompt}".encode()))
        return InterviewAgent(self, interview, on_usage)


class InterviewAgent(TalkAgent[Interview]):
    """One talk's agent (see `agents.ports.Agent`)."""

    @property
    def finished(self) -> bool:
        """Whether the interview is over: goodbye was said, or is being said."""
        return self.memory.stage == "finished"

    def opening(self) -> str:
        """What the AI says first: who it is, and its first question."""
        return opening(self.memory)

    def _recognise(self, text: str) -> str:
        return recognise(text)

    def _restored(self, kept: dict[str, Any]) -> Interview:
        return Interview.from_json(kept, self.memory.plan)

    async def _prepare(self, history: Sequence[Message], /) -> None:
        self.memory.heard = _heard_last(history)


def _heard_last(history: Sequence[Message]) -> str:
    """What was said to the person since they spoke; it may come in pieces."""
    heard: list[str] = []
    for message in reversed(history):
        if message.role == "user":
            break
        heard.insert(0, message.text)
    return " ".join(heard)
