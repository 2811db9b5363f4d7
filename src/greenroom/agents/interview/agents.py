"""The agents of interviews: a model, the interview's tools, and one memory for each talk.

This module is cheap to import; pydantic-ai is loaded by `warm_up`.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from greenroom.agents.interview import offline
from greenroom.agents.interview.instructions import INTERVIEWER, brief
from greenroom.agents.interview.intents import recognise
from greenroom.agents.interview.opening import opening
from greenroom.agents.interview.plan import plan_of
from greenroom.agents.interview.state import Interview
from greenroom.agents.interview.tools import InterviewToolbox
from greenroom.agents.model_agents import ModelAgents, ModelSource
from greenroom.agents.models import OFFLINE
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.agents.role import Role
from greenroom.agents.speakable import Speakable
from greenroom.agents.unspoken import SilentParts
from greenroom.providers.usage import UsageListener


class InterviewAgents(ModelAgents[Interview]):
    """Makes interviewers; for `model`, `instructions` and `name` see `ModelAgents`."""

    def __init__(
        self, model: ModelSource = OFFLINE, instructions: str = "", *, name: str = ""
    ) -> None:
        role = Role("interview", INTERVIEWER, InterviewToolbox(), brief, offline.answer)
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


class InterviewAgent:
    """One talk's agent (see `agents.ports.Agent`)."""

    def __init__(
        self, agents: InterviewAgents, interview: Interview, on_usage: UsageListener | None = None
    ) -> None:
        self._agents = agents
        self.interview = interview
        self._on_usage = on_usage
        self._speakable = Speakable()
        self._earlier: tuple[int, dict[str, Any]] | None = None

    @property
    def finished(self) -> bool:
        """Whether the interview is over: goodbye was said, or is being said."""
        return self.interview.stage == "finished"

    def opening(self) -> str:
        """What the AI says first: who it is, and its first question."""
        return opening(self.interview)

    async def answer(
        self, text: str, history: Sequence[Message]
    ) -> AsyncGenerator[AgentEvent, None]:
        """Think about `text` and answer; see the port."""
        self._take_back_what_was_not_heard(len(history))
        self._speakable, silent = Speakable(), SilentParts()
        self.interview.heard = _heard_last(history)
        wanted = recognise(text)
        running = self._agents.run(text, self.interview, history, self._on_usage)
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
        """The interview, as JSON values."""
        return self.interview.to_json()

    def _take_back_what_was_not_heard(self, number: int) -> None:
        """A history that has not grown: nothing of the last answer was heard.

        The words that it answered come again, with more behind them. So they are not kept twice,
        and no question counts as asked that nobody has heard.
        """
        if self._earlier is not None and self._earlier[0] == number:
            self.interview = Interview.from_json(self._earlier[1], self.interview.plan)
        self._earlier = (number, self.snapshot())


def _heard_last(history: Sequence[Message]) -> str:
    """What was said to the person since they spoke; it may come in pieces."""
    heard: list[str] = []
    for message in reversed(history):
        if message.role == "user":
            break
        heard.insert(0, message.text)
    return " ".join(heard)
