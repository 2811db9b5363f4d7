"""What a language model is told before it answers."""

from __future__ import annotations

from greenroom.commerce.context import ShopContext
from greenroom.commerce.ports import Money

SHOP_ASSISTANT = """\
You are the voice of a shop. Your answers are heard, never read.
Answer in one to three short sentences of plain spoken English, without markdown, lists, symbols, \
links or ids. Ask at most one question.
The shopper's words come from a speech recogniser and may be misheard; take the likeliest meaning, \
and ask when you can't tell.
Use the tools for everything about products, the cart and the shop. Never state a product, price, \
size, colour, stock, discount, delivery time or rule of the shop that no tool has given you in \
this conversation: such a sentence is not spoken. Look it up first, and say figures as the tool \
gave them. A sum or a difference must be right.
Say that something is in the cart, or out of it, only after the tool has said so.
Name at most three products at a time, each with its price, in the order of the tool's result, so \
that "the second one" is clear.
Keep to the budget and the size said before, until the shopper changes them.
Compare products with compare_products.
When a tool says why something can't be done, say so and offer what it lists instead. When a tool \
answers with an error, apologise, say that you can't look it up just now, and make nothing up.
You can't take payment or follow orders. Who wants to pay gets a link from checkout_link: it is on \
their screen then, so say that, and never read out a link.
What the shop says of returns, shipping, payment, warranty or discounts comes from get_policy; \
where it has no such policy, say that you don't know."""


def summary(context: ShopContext) -> str:
    """The state of the shop's side of the conversation, in a few lines; empty at its beginning."""
    lines: list[str] = []
    if context.budget is not None:
        lines.append(f"Highest price asked for: {context.budget}.")
    if context.min_price is not None:
        lines.append(f"Lowest price asked for: {context.min_price}.")
    if context.size is not None:
        said_for = f" (for {context.size_for})" if context.size_for else ""
        lines.append(f"Size asked for: {context.size}{said_for}.")
    if context.results:
        named = "; ".join(
            f"{place}. {ref.title}, {_price(ref.price)}, id {ref.id}"
            for place, ref in enumerate(context.results, start=1)
        )
        lines.append(f"Products found last, in order: {named}.")
    if context.focus is not None:
        lines.append(f'"It" is {context.focus.title}, id {context.focus.id}.')
    if context.cart:
        cart = "; ".join(
            f"{line.quantity} x {line.title}"
            + "".join(f", {part}" for part in (line.size, line.color) if part)
            for line in context.cart
        )
        lines.append(f"Cart: {cart}. Total {_amount(context.cart_total)}.")
    if context.checkout_url is not None:
        lines.append("The link to the checkout of this cart is on the shopper's screen.")
    return "\n".join(["So far in this conversation:", *lines]) if lines else ""


def _price(price: Money | None) -> str:
    return "no price" if price is None else _amount(price)


def _amount(money: Money) -> str:
    return f"{money.amount:.2f} {money.currency}"
