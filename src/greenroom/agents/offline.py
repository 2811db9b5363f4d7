"""The offline model: rules in place of a language model, run by the same loop and tools.

It is a pydantic-ai `FunctionModel`, so a talk without a network takes the path of production:
streamed requests, tool calls and their results, limits, cancellation.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
from pydantic_ai import RunContext
from pydantic_ai.messages import ModelMessage, ToolReturnPart
from pydantic_ai.models import ModelRequestParameters, StreamedResponse
from pydantic_ai.models.function import AgentInfo, DeltaToolCall, DeltaToolCalls, FunctionModel
from pydantic_ai.settings import ModelSettings

from greenroom.agents.turn import Call, Turn

_NO_TURN = "the offline model needs the turn as its run's deps"
_SENTENCE_END = re.compile(r"(?<=[.!?]) ")


class OfflineModel(FunctionModel):
    """Answers from rules; knows the turn through the run's context, as tools do."""

    def __init__(self) -> None:
        super().__init__(stream_function=_without_turn, model_name="offline")

    @asynccontextmanager
    async def request_stream(
        self,
        messages: list[ModelMessage],
        model_settings: ModelSettings | None,
        model_request_parameters: ModelRequestParameters,
        run_context: RunContext[Any] | None = None,
    ) -> AsyncGenerator[StreamedResponse, None]:
        """One step of an answer: tool calls, or text."""
        turn = None if run_context is None else run_context.deps
        if not isinstance(turn, Turn):
            raise TypeError(_NO_TURN)

        def step(
            messages: list[ModelMessage], _info: AgentInfo
        ) -> AsyncIterator[str | DeltaToolCalls]:
            return _step(turn, messages)

        bound = FunctionModel(stream_function=step, model_name=self.model_name)
        async with bound.request_stream(
            messages, model_settings, model_request_parameters, run_context
        ) as response:
            yield response


async def _step(
    turn: Turn[Any], messages: list[ModelMessage]
) -> AsyncIterator[str | DeltaToolCalls]:
    try:
        if turn.steps is None:
            turn.steps = turn.role.offline(turn)
            call = next(turn.steps)
        else:
            call = turn.steps.send(_result(messages))
    except StopIteration as done:
        for sentence in _SENTENCE_END.split(str(done.value)):
            yield sentence + " "
        return
    yield _tool_call(call, len(turn.ran))


def _tool_call(call: Call, number: int) -> DeltaToolCalls:
    arguments = orjson.dumps(call.arguments).decode()
    return {0: DeltaToolCall(name=call.tool, json_args=arguments, tool_call_id=f"offline-{number}")}


def _result(messages: list[ModelMessage]) -> dict[str, Any]:
    """What the last tool call gave; a refusal of its arguments is an error like another."""
    for part in reversed(messages[-1].parts):
        if isinstance(part, ToolReturnPart) and part.outcome == "success":
            content: object = part.content
            if isinstance(content, dict):
                return content
    return {"error": "I could not look that up"}


def _without_turn(
    _messages: list[ModelMessage], _info: AgentInfo
) -> AsyncIterator[str | DeltaToolCalls]:
    raise TypeError(_NO_TURN)
