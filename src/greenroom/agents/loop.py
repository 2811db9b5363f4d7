"""The loop of model and tools: pydantic-ai, with its events turned into ours.

One loop serves all conversations; what belongs to one turn is in its `Turn`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack
from typing import Any, Generic

from pydantic_ai import Agent, RunContext
from pydantic_ai.exceptions import (
    AgentRunError,
    ContentFilterError,
    ModelHTTPError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
    UsageLimitExceeded,
)
from pydantic_ai.messages import (
    FunctionToolResultEvent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    PartDeltaEvent,
    PartStartEvent,
    TextPart,
    TextPartDelta,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.run import AgentRunResultEvent
from pydantic_ai.usage import RunUsage, UsageLimits

from greenroom.agents.model_failures import unexpected
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta, ToolRan
from greenroom.agents.role import Memory, Role
from greenroom.agents.toolset import RoleToolset
from greenroom.agents.turn import Turn
from greenroom.errors import ProviderFailed

log = logging.getLogger(__name__)

MAX_ROUNDS = 8
"""Requests to the model in one answer: seven rounds of tools and the text."""

MAX_TOOL_CALLS = 16
MAX_HISTORY = 40
"""Messages before the present one that the model sees."""


class ModelLoop(Generic[Memory]):
    """Runs one model in a role. `provider` is the setting that named the model, `instructions` the
    operator's own, added to the role's."""

    def __init__(
        self, model: Model, provider: str, role: Role[Memory], instructions: str = ""
    ) -> None:
        self._provider = provider
        self._agent: Agent[Turn[Memory], str] = Agent(
            model,
            name=role.name,
            deps_type=Turn,
            output_type=str,
            instructions=[
                *([role.instructions, instructions] if instructions else [role.instructions]),
                _brief,
            ],
            toolsets=[RoleToolset(role)],
        )
        self._limits = UsageLimits(request_limit=MAX_ROUNDS, tool_calls_limit=MAX_TOOL_CALLS)
        self._open = AsyncExitStack()

    async def open(self) -> None:
        """Take hold of the provider's connections; `close` lets them go."""
        await self._open.enter_async_context(self._agent)

    async def close(self) -> None:
        """Close the provider's connections. Harmless twice."""
        await self._open.aclose()

    async def run(
        self, turn: Turn[Memory], history: Sequence[Message]
    ) -> AsyncGenerator[AgentEvent, None]:
        """Text and tools as they come, then AnswerDone with an empty intent.

        A `ToolRan` comes for each call of a tool that exists. Closing the iterator cancels the
        model's request and the tools. Raises ProviderFailed.
        """
        try:
            async with self._agent.run_stream_events(
                turn.text,
                deps=turn,
                message_history=_messages(history),
                usage_limits=self._limits,
            ) as events:
                translate = _Translator(turn, self._provider)
                async for event in events:
                    if (ours := translate(event)) is not None:
                        yield ours
        except AgentRunError as error:
            log.debug("the model failed", exc_info=error)
            raise ProviderFailed(self._provider, _reason(error)) from None
        except Exception as error:  # noqa: BLE001 - a model is code and a network of others
            raise unexpected(self._provider, error) from None


class _Translator:
    """pydantic-ai's events of one answer as ours; None for those that say nothing to us."""

    def __init__(self, turn: Turn[Any], provider: str) -> None:
        self._turn, self._provider = turn, provider
        self._spoke = False

    def __call__(self, event: object) -> AgentEvent | None:
        match event:
            case PartStartEvent(part=TextPart(content=text)) if text:
                # Text before a tool call and text after it are different sentences.
                apart = " " if self._spoke and not text[0].isspace() else ""
                self._spoke = True
                return TextDelta(apart + text)
            case PartDeltaEvent(delta=TextPartDelta(content_delta=text)) if text:
                self._spoke = True
                return TextDelta(text)
            case FunctionToolResultEvent(part=part):
                if part.tool_call_id in self._turn.repeated:
                    return None
                ran = self._turn.ran.get(part.tool_call_id)
                return ran or self._refused(part.tool_name, str(part.content))
            case AgentRunResultEvent(result=result):
                return AnswerDone("", _usage(result.usage))
            case _:
                return None

    def _refused(self, tool: str, why: str) -> ToolRan | None:
        """A call that reached no tool: none has its name, or its arguments were no object."""
        if any(known.name == tool for known in self._turn.role.toolbox.tools):
            return ToolRan(tool, {}, {"error": why}, ok=False, duration_ms=0.0)
        log.warning("%s called a tool that does not exist", self._provider)
        return None


def _brief(ctx: RunContext[Turn[Any]]) -> str:
    return ctx.deps.role.brief(ctx.deps.context)


def _messages(history: Sequence[Message]) -> list[ModelMessage]:
    return [
        ModelRequest(parts=[UserPromptPart(message.text)])
        if message.role == "user"
        else ModelResponse(parts=[TextPart(message.text)])
        for message in history[-MAX_HISTORY:]
        if message.text
    ]


def _usage(usage: RunUsage) -> dict[str, int]:
    return {
        "requests": usage.requests,
        "tool_calls": usage.tool_calls,
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
    }


def _reason(error: AgentRunError) -> str:
    """What went wrong, without anything that the provider or the user wrote."""
    match error:
        case ModelTimeoutError():
            return "no answer in time"
        case ModelHTTPError(status_code=status):
            return f"HTTP status {status}"
        case UsageLimitExceeded():
            return f"no answer after {MAX_ROUNDS} requests and {MAX_TOOL_CALLS} tool calls"
        case ContentFilterError():
            return "the provider refused to answer"
        case UnexpectedModelBehavior():
            return "the model gave no usable answer"
        case _:
            return type(error).__name__
