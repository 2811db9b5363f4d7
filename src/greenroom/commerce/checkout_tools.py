"""The tool that leads to the shop's own checkout."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

from greenroom.commerce.cart_tools import line_json
from greenroom.commerce.context import CartLine, ShopContext, money_json
from greenroom.commerce.ports import Catalogue, CheckoutLine, Money, Product
from greenroom.commerce.tool_parameters import CheckoutLink
from greenroom.errors import ProductNotFound

_AT_ONCE = 5
"""Products that are looked up at the same time."""


async def checkout_link(
    catalogue: Catalogue, context: ShopContext, _wanted: CheckoutLink
) -> dict[str, Any]:
    """A link for what is in the cart and can still be had; it is left in the context.

    `left_out` are the lines of which there are no longer as many, with how many there are. The cart
    itself stays as it is.
    """
    cart = list(context.cart)
    if not cart:
        return {"ready": False, "reason": "cart_empty"}
    stock = await _stock(catalogue, cart)
    lines: list[CartLine] = []
    left_out: list[dict[str, Any]] = []
    for line in cart:
        left = max(0, min(line.quantity, stock.get(line.variant_id, 0)))
        if left < line.quantity:
            left_out.append(_missing(line, left))
        if left:
            lines.append(replace(line, quantity=left))
    if not lines:
        return {"ready": False, "reason": "sold_out", "left_out": left_out}
    url = await catalogue.checkout_url(
        [CheckoutLine(line.variant_id, line.quantity) for line in lines]
    )
    if context.cart == cart:  # else it is a link for something else by now
        context.checkout_url = url
    total = Money(sum((line.total for line in lines), Decimal(0)), lines[0].unit_price.currency)
    return {
        "ready": True,
        "checkout_url": url,
        "items": [line_json(line) for line in lines],
        "item_count": sum(line.quantity for line in lines),
        "total": money_json(total),
        "left_out": left_out,
    }


def _missing(line: CartLine, left: int) -> dict[str, Any]:
    return {
        "product_id": line.product_id,
        "title": line.title,
        "size": line.size,
        "color": line.color,
        "quantity": line.quantity,
        "quantity_left": left,
    }


async def _stock(catalogue: Catalogue, cart: list[CartLine]) -> dict[str, int]:
    """Units at hand, by variant; what is no longer in the shop is missing."""
    places = asyncio.Semaphore(_AT_ONCE)

    async def look(product_id: str) -> Product | None:
        async with places:
            try:
                return await catalogue.get(product_id)
            except ProductNotFound:
                return None

    products = dict.fromkeys(line.product_id for line in cart)
    found = await asyncio.gather(*map(look, products), return_exceptions=True)
    stock: dict[str, int] = {}
    for product in found:
        if isinstance(product, BaseException):
            raise product
        if product is not None:
            stock |= {variant.id: variant.stock for variant in product.variants}
    return stock
