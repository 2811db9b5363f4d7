"""Links that lead a shopper to pay, in the form of Shopify's cart permalinks.

https://shopify.dev/docs/apps/build/checkout/create-cart-permalinks
"""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.commerce.ports import CheckoutLine
from greenroom.errors import InvalidInput

MAX_LINES = 250
"""Different variants in one link."""

MAX_UNITS = 1_000_000
"""Units of one line."""


def cart_permalink(shop_url: str, lines: Sequence[CheckoutLine]) -> str:
    """`https://shop/cart/70:2,71:1`: the variants' numbers and units, in the order given.

    A variant's id is its number or ends in it (`gid://shopify/ProductVariant/70`); lines of the
    same variant are added up. Raises InvalidInput for no lines, too many, or what is no line.
    """
    if not lines:
        raise InvalidInput("lines", "nothing to pay for", "at least one variant")
    units: dict[str, int] = {}
    for line in lines:
        number = line.variant_id.rpartition("/")[2]
        if not (number.isascii() and number.isdigit()):
            raise InvalidInput("lines.variant_id", "not the id of a variant", "an id of the shop")
        units[number] = units.get(number, 0) + line.quantity
        if line.quantity < 1 or units[number] > MAX_UNITS:
            raise InvalidInput("lines.quantity", f"{line.quantity} units", f"1 to {MAX_UNITS}")
    if len(units) > MAX_LINES:
        raise InvalidInput("lines", f"{len(units)} variants", f"at most {MAX_LINES}")
    joined = ",".join(f"{number}:{quantity}" for number, quantity in units.items())
    return f"{shop_url.rstrip('/')}/cart/{joined}"
