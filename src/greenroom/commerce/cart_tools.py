"""The tools that handle the cart."""

from __future__ import annotations

from typing import Any

from greenroom.commerce.context import MAX_CART_LINES, CartLine, ShopContext, money_json
from greenroom.commerce.ports import Catalogue, Product, Variant
from greenroom.commerce.product_tools import (
    colors_in_stock,
    find_product,
    fitting_variants,
    for_sale,
    sizes_in_stock,
)
from greenroom.commerce.references import best_match, position
from greenroom.commerce.sizes import canonical_size
from greenroom.commerce.tool_parameters import AddToCart, RemoveFromCart, ViewCart


async def add_to_cart(
    catalogue: Catalogue, context: ShopContext, wanted: AddToCart
) -> dict[str, Any]:
    """Put units of one variant into the cart, or say what stands in the way (`reason`).

    A missing size is taken from the conversation where it was said for the same category. Where
    several variants fit, the one that is in the cart already is meant ("two more"), else the one
    with the most stock.
    """
    product = await find_product(catalogue, context, wanted.product_id)
    context.view(product)
    sizes = {variant.size for variant in product.variants if variant.size is not None}
    size = wanted.size
    if wanted.size is not None:
        context.size, context.size_for = canonical_size(wanted.size), product.category.casefold()
    elif len(sizes) == 1:
        (size,) = sizes
    elif sizes and (known := context.size_in(product.category.casefold())) is not None:
        size = known
    fitting = fitting_variants(product, size if sizes else None, wanted.color)
    refusal = _refusal(product, size, wanted.color, fitting, needs_size=len(sizes) > 1)
    if refusal is not None:
        return refusal

    def fitness(each: Variant) -> tuple[bool, int]:
        held = context.in_cart(each.id)
        return held > 0 and each.stock - held >= wanted.quantity, each.stock - held

    variant = max(fitting, key=fitness)
    currency = variant.price.currency
    if context.cart and currency != (held_in := context.cart[0].unit_price.currency):
        return _no(product, "other_currency", currency=currency, cart_currency=held_in)
    left = variant.stock - context.in_cart(variant.id)
    if left < wanted.quantity:
        return _no(
            product,
            "not_enough_stock",
            size=variant.size,
            color=variant.color,
            quantity_left=left,
            quantity_in_cart=context.in_cart(variant.id),
        )
    if len(context.cart) >= MAX_CART_LINES and not context.in_cart(variant.id):
        return _no(product, "cart_full", limit=MAX_CART_LINES)
    context.put(product, variant, wanted.quantity)
    line = next(line for line in context.cart if line.variant_id == variant.id)
    return {
        "added": True,
        "product_id": product.id,
        "title": product.title,
        "quantity_added": wanted.quantity,
        "line": line_json(line),
        "cart": cart_json(context),
    }


def _refusal(
    product: Product,
    size: str | None,
    color: str | None,
    fitting: list[Variant],
    *,
    needs_size: bool,
) -> dict[str, Any] | None:
    if not for_sale(product):
        return _no(product, "not_for_sale")
    if not any(variant.available for variant in product.variants):
        return _no(product, "sold_out")
    if needs_size and size is None and fitting:
        return _no(product, "size_needed", color=color)
    return _form_refusal(product, size, color, fitting)


def _form_refusal(
    product: Product, size: str | None, color: str | None, fitting: list[Variant]
) -> dict[str, Any] | None:
    if not fitting:
        if size is not None and not fitting_variants(product, size, None):
            return _no(product, "no_such_size", size=size)
        return _no(product, "no_such_color", size=size, color=color)
    if not any(variant.available for variant in fitting):
        return _no(product, "sold_out_in_this_form", size=size, color=color)
    return None


def _no(product: Product, reason: str, **more: Any) -> dict[str, Any]:
    return {
        "added": False,
        "reason": reason,
        "product_id": product.id,
        "title": product.title,
        "sizes_in_stock": sizes_in_stock(product, more.get("color")),
        "colors_in_stock": colors_in_stock(product, more.get("size")),
        **more,
    }


async def view_cart(
    _catalogue: Catalogue, context: ShopContext, _wanted: ViewCart
) -> dict[str, Any]:
    """The lines of the cart and their sum."""
    return cart_json(context)


async def remove_from_cart(
    _catalogue: Catalogue, context: ShopContext, wanted: RemoveFromCart
) -> dict[str, Any]:
    """Take units out of the cart; without a product, all of them."""
    if wanted.product_id is None:
        removed = context.empty_cart()
        return {"removed": removed > 0, "quantity_removed": removed, "cart": cart_json(context)}
    line = _find_line(context, wanted.product_id)
    if line is None:
        return {"removed": False, "reason": "not_in_cart", "cart": cart_json(context)}
    removed = context.take_out(line, wanted.quantity)
    return {
        "removed": True,
        "title": line.title,
        "quantity_removed": removed,
        "cart": cart_json(context),
    }


def _find_line(context: ShopContext, reference: str) -> CartLine | None:
    index = position(reference)
    if index is not None:
        return context.cart[index] if 0 <= index < len(context.cart) else None
    for line in reversed(context.cart):
        if reference in (line.product_id, line.variant_id):
            return line
    return best_match(reference, context.cart)


def line_json(line: CartLine) -> dict[str, Any]:
    """A line with its sum."""
    return line.to_json() | {"line_total": f"{line.total:.2f}"}


def cart_json(context: ShopContext) -> dict[str, Any]:
    """The cart as the tools give it."""
    return {
        "items": [line_json(line) for line in context.cart],
        "item_count": sum(line.quantity for line in context.cart),
        "total": money_json(context.cart_total),
    }
