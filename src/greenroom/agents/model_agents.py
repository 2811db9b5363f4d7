"""What the makers of agents share: one model and its loop, loaded once, for all conversations.

This module is cheap to import; pydantic-ai is loaded by `ModelAgents.warm_up`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Generic, TypeAlias, Union

from greenroom.agents.models import create_model
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta
from greenroom.agents.role import Memory, Role
from greenroom.agents.turn import Turn
from greenroom.agents.unspoken import SilentParts
from greenroom.providers.usage import UsageListener

if TYPE_CHECKING:
    from pydantic_ai.models import Model

    from greenroom.agents.loop import ModelLoop

ModelSource: TypeAlias = Union[str, "Model", "Callable[[], Model]"]
"""A setting that `create_model` knows, a model, or what makes one in a thread."""


class ModelAgents(Generic[Memory]):
    """The base of those who make agents of one role.

    Where `model` is no setting, `name` says in logs and errors which it is. `instructions` are the
    operator's own, added to the role's.
    """

    def __init__(
        self,
        role: Role[Memory],
        model: ModelSource,
        instructions: str = "",
        *,
        name: str = "",
    ) -> None:
        self._role = role
        self._model = model
        self._name = name
        self._instructions = instructions
        self._loop: ModelLoop[Memory] | None = None
        self._loading = asyncio.Lock()

    @property
    def provider(self) -> str:
        """The model's name, for logs and errors."""
        if isinstance(self._model, str):
            return self._model
        return self._name or getattr(self._model, "model_name", "model")

    async def warm_up(self) -> None:
        """Load the model, once. Raises ProviderUnavailable where the setting can't be used."""
        async with self._loading:
            if self._loop is None:
                loop = await asyncio.to_thread(self._load)
                await loop.open()
                self._loop = loop

    async def close(self) -> None:
        """Close the model's connections. Harmless twice."""
        async with self._loading:
            if self._loop is not None:
                await self._loop.close()
                self._loop = None

    def _load(self) -> ModelLoop[Memory]:
        from pydantic_ai.models import Model  # noqa: PLC0415 - half a second

        from greenroom.agents.loop import ModelLoop  # noqa: PLC0415

        model = create_model(self._model) if isinstance(self._model, str) else self._model
        if not isinstance(model, Model):
            model = model()
        return ModelLoop(model, self.provider, self._role, self._instructions)

    async def run(
        self,
        text: str,
        context: Memory,
        history: Sequence[Message],
        on_usage: UsageListener | None = None,
    ) -> AsyncGenerator[AgentEvent, None]:
        """One answer without its silent parts and its intent."""
        if self._loop is None:
            await self.warm_up()
        assert self._loop is not None  # noqa: S101 - warm_up raises or sets it
        turn = Turn(text, len(history), context, self._role, _last_answer(history), on_usage)
        silent = SilentParts()
        async with aclosing(self._loop.run(turn, history)) as events:
            async for event in events:
                match event:
                    case TextDelta(piece):
                        if heard := silent.push(piece):
                            yield TextDelta(heard)
                    case AnswerDone():
                        if rest := silent.finish():
                            yield TextDelta(rest)
                        yield event
                    case _:
                        yield event


def _last_answer(history: Sequence[Message]) -> str:
    said = [message.text for message in history if message.role == "assistant"]
    return said[-1] if said else ""
