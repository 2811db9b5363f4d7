"""The agent of a shop: a model, the shop's tools, and one memory for each conversation.

This module is cheap to import; pydantic-ai is loaded by `warm_up`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any

from greenroom.agents import offline_dialogue
from greenroom.agents.answer_guard import AnswerGuard
from greenroom.agents.instructions import SHOP_ASSISTANT, summary
from greenroom.agents.model_agents import ModelAgents, ModelSource
from greenroom.agents.models import OFFLINE
from greenroom.agents.ports import AgentEvent, AnswerDone, Message, TextDelta, ToolRan
from greenroom.agents.role import Role
from greenroom.commerce.context import ShopContext
from greenroom.commerce.intents import recognise
from greenroom.commerce.toolbox import Toolbox
from greenroom.errors import ProviderFailed
from greenroom.providers.usage import UsageListener

# What a tool is used for; the first is meant unless the sentence says another of them.
_TOOL_INTENTS = {
    "search_products": ("product_search", "price_inquiry", "product_details", "add_to_cart"),
    "get_product_details": ("product_details", "price_inquiry"),
    "check_inventory": ("inventory_check", "product_details"),
    "compare_products": ("product_comparison", "product_details", "price_inquiry"),
    "add_to_cart": ("add_to_cart",),
    "view_cart": ("view_cart", "checkout"),
    "remove_from_cart": ("remove_from_cart",),
    "checkout_link": ("checkout",),
    "get_policy": ("policy_question",),
}


class ShopAgents(ModelAgents[ShopContext]):
    """Makes the agents of one shop; for `model`, `instructions` and `name` see `ModelAgents`."""

    def __init__(
        self,
        toolbox: Toolbox,
        model: ModelSource = OFFLINE,
        instructions: str = "",
        *,
        name: str = "",
    ) -> None:
        role = Role("shop", SHOP_ASSISTANT, toolbox, summary, offline_dialogue.answer)
        super().__init__(role, model, instructions, name=name)

    def create(
        self, context: ShopContext | None = None, on_usage: UsageListener | None = None
    ) -> ShopAgent:
        """The agent of one conversation; `context` is that of one that is taken up again.

        `on_usage` is told what its requests to the model have used up.
        """
        return ShopAgent(self, context or ShopContext(), on_usage)


class ShopAgent:
    """One conversation's agent (see `agents.ports.Agent`)."""

    def __init__(
        self, shop: ShopAgents, context: ShopContext, on_usage: UsageListener | None = None
    ) -> None:
        self._shop = shop
        self.context = context
        self._on_usage = on_usage
        self._guard = AnswerGuard(context)
        self._usage: dict[str, int] = {}

    async def answer(
        self, text: str, history: Sequence[Message]
    ) -> AsyncGenerator[AgentEvent, None]:
        """Think about `text` and answer; see the port.

        The usage counts in `facts_refused` the sentences that `check` held back, up to the last.
        """
        wanted = recognise(text, self.context).name
        used: list[str] = []
        said = [message.text for message in history if message.role == "assistant"]
        again = said[-1] if said and wanted == "repeat" else ""
        guard = self._guard = AnswerGuard(self.context, text, again)
        self._usage = {}
        running = self._shop.run(text, self.context, history, self._on_usage)
        try:
            async with aclosing(running) as events:
                async for event in events:
                    match event:
                        case ToolRan(tool=tool):
                            used.append(tool)
                            guard.saw(event)
                            yield event
                        case TextDelta():
                            guard.spoke()
                            yield event
                        case AnswerDone(usage=usage):
                            self._usage = dict(usage)
                            self._count_refused()
                            yield AnswerDone(intent_of(wanted, used), self._usage)
        except ProviderFailed:
            # Who asks again must know that the cart was changed already.
            if guard.untold:
                yield TextDelta(f"\n{guard.untold}\n")
            raise

    def check(self, sentence: str) -> str:
        """What may be spoken for a sentence; see the port."""
        allowed = self._guard.check(sentence)
        self._count_refused()
        return allowed

    def _count_refused(self) -> None:
        # The last sentences are checked once the answer is complete: its usage counts on.
        if self._guard.refused:
            self._usage["facts_refused"] = self._guard.refused

    def snapshot(self) -> dict[str, Any]:
        """The shop context, as JSON values."""
        return self.context.to_json()


def intent_of(wanted: str, tools: Sequence[str]) -> str:
    """What the user wanted: what the tools were used for, in the words' favour where both agree."""
    if not tools:
        return wanted
    if any(wanted in _TOOL_INTENTS[tool] for tool in tools):
        return wanted
    return _TOOL_INTENTS[tools[-1]][0]
