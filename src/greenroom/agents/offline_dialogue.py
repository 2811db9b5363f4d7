"""The offline model's side of the talk: from an intent to tool calls, and from results to words.

Each answer is a generator (`turn.Steps`): it yields tool calls and is sent their results, so that
an answer of several steps reads from top to bottom. It says nothing of a product or a price that
no tool gave.
"""

from __future__ import annotations

from collections.abc import Callable

from greenroom.agents import offline_cart, offline_products
from greenroom.agents.offline_compare import compare
from greenroom.agents.offline_policy import policy
from greenroom.agents.offline_search import search
from greenroom.agents.offline_talk import Talk
from greenroom.agents.turn import Steps, Turn
from greenroom.commerce.context import ShopContext
from greenroom.commerce.intents import recognise
from greenroom.commerce.slots import Slots

_HANDLERS: dict[str, Callable[[Talk, Slots], Steps]] = {
    "product_search": search,
    "product_details": offline_products.details,
    "product_comparison": compare,
    "price_inquiry": offline_products.price,
    "inventory_check": offline_products.stock,
    "add_to_cart": offline_cart.add,
    "view_cart": offline_cart.cart,
    "remove_from_cart": offline_cart.remove,
    "checkout": offline_cart.checkout,
    "policy_question": policy,
}

_SMALL_TALK = {
    "greeting": (
        "Hello! What are you looking for today?",
        "Hi, welcome to the shop. What can I find for you?",
    ),
    "thanks": (
        "You're welcome! Is there anything else?",
        "My pleasure. Can I find anything else for you?",
    ),
    "goodbye": (
        "Goodbye, and thank you for coming by!",
        "Thanks for stopping by. Goodbye!",
    ),
    "help": (
        (
            "I can find products for you, compare them, say what they cost and whether they are in "
            "stock, keep your cart, and tell what the shop says of returns and shipping. Try: show "
            "me running shoes under 100 dollars."
        ),
    ),
    "deny": (
        "All right. What else can I do for you?",
        "No problem. What would you like to do next?",
    ),
}
_UNKNOWN = (
    (
        "I'm sorry, I didn't quite get that. You can ask me for products, their price or stock, or "
        "what's in your cart."
    ),
    (
        "I'm not sure what you mean. Tell me what you're looking for, for example hiking boots in "
        "size ten."
    ),
)


def answer(turn: Turn[ShopContext]) -> Steps:
    """The steps of the answer to `turn`."""
    context = turn.context
    intent = recognise(turn.text, context)
    talk = Talk(turn, context.pending, turn.number // 2)
    if intent.name == "repeat":
        return turn.last_answer or talk.pick(*_SMALL_TALK["greeting"])
    if intent.name == "unknown":
        return talk.pick(*_UNKNOWN)  # what was asked before still stands
    context.pending = None
    if intent.name == "affirm":
        return (yield from _agreed(talk))
    if intent.name in _HANDLERS:
        return (yield from _HANDLERS[intent.name](talk, intent.slots))
    return talk.pick(*_SMALL_TALK[intent.name])


def _agreed(talk: Talk) -> Steps:
    """ "Yes" does what was offered; to another question it is no answer, so that is put again."""
    pending = talk.pending
    if pending is None:
        return "Great. What would you like to see?"
    if pending.asks == "yes":
        if pending.tool == "add_to_cart":
            return (yield from offline_cart.put(talk, pending.arguments))
        return (yield from offline_products.describe(talk, str(pending.arguments["product_id"])))
    if pending.asks == "which":
        return talk.which(Slots(), pending.tool, pending.arguments)
    talk.context.pending = pending
    return f"Which {pending.asks} would you like?"
