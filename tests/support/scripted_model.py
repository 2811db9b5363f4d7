"""A language model that does what a test has written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, FunctionModel

from greenroom.agents.model_chain import ModelChain
from greenroom.agents.models import create_model

Step: TypeAlias = str | tuple[str, str] | BaseException | asyncio.Event
"""A text, a call (tool, JSON arguments), a failure, or an event that is set before it hangs."""


class ScriptedModel(FunctionModel):
    """Gives the steps of one request after the other; those of the last again and again.

    `seen` and `told` are the messages and the instructions of each request.
    """

    def __init__(self, *requests: Sequence[Step]) -> None:
        super().__init__(stream_function=self._stream, model_name="scripted")
        self._left = list(requests)
        self.seen: list[list[ModelMessage]] = []
        self.told: list[str] = []

    async def _stream(self, messages: list[ModelMessage], info: AgentInfo) -> AsyncIterator[Any]:
        self.seen.append(messages)
        self.told.append(info.instructions or "")
        steps = self._left.pop(0) if len(self._left) > 1 else self._left[0]
        for number, step in enumerate(steps):
            match step:
                case str():
                    yield step
                case (tool, arguments):
                    call_id = f"call-{len(self.seen)}-{number}"
                    yield {number: DeltaToolCall(tool, arguments, tool_call_id=call_id)}
                case asyncio.Event():
                    step.set()
                    await asyncio.Event().wait()
                case error:
                    raise error


def then_offline(model: FunctionModel) -> ModelChain:
    """`model`, and the offline rules where it fails; needs a running loop."""
    return ModelChain(
        [("scripted", model), ("offline", create_model("offline"))],
        retries=0,
        first_token_timeout=5,
        recovery_interval=60,
        clock=asyncio.get_running_loop(),
    )
