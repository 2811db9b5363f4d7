"""The tool that puts products beside each other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from greenroom.commerce.context import ProductRef, ShopContext, money_json
from greenroom.commerce.ports import Catalogue, Money, Product
from greenroom.commerce.product_tools import (
    brief_json,
    colors_in_stock,
    find_product,
    sizes_in_stock,
)
from greenroom.commerce.tool_parameters import CompareProducts


async def compare_products(
    catalogue: Catalogue, context: ShopContext, wanted: CompareProducts
) -> dict[str, Any]:
    """What each has, what all have, and what it costs to have the dearest.

    Two names of one product are one product; fewer than two can't be compared (`reason`). Where a
    product is compared that was not among the last results, the compared ones take their place: so
    "the first one" is clear.
    """
    products: list[Product] = []
    for reference in wanted.product_ids:
        product = await find_product(catalogue, context, reference)
        if all(product.id != other.id for other in products):
            products.append(product)
    if len(products) < 2:
        return {
            "compared": False,
            "reason": "same_product",
            "product_id": products[0].id,
            "title": products[0].title,
        }
    for product in products:
        context.view(product)
    context.compared = tuple(product.id for product in products)
    if not set(context.compared) <= {ref.id for ref in context.results}:
        context.results = tuple(ProductRef.of(product) for product in products)
    context.focus = None
    return {
        "compared": True,
        "products": [_beside(product, products) for product in products],
        "in_common": {
            "brand": _shared(product.brand for product in products),
            "category": _shared(product.category for product in products),
            "sizes_in_stock": _in_all(products, sizes_in_stock),
            "colors_in_stock": _in_all(products, colors_in_stock),
        },
        **_prices(products),
    }


def _beside(product: Product, all_of_them: Sequence[Product]) -> dict[str, Any]:
    others = [other for other in all_of_them if other is not product]
    return brief_json(product) | {
        "units_in_stock": sum(max(0, variant.stock) for variant in product.variants),
        "only_here": {
            "sizes_in_stock": _in_none(others, sizes_in_stock(product), sizes_in_stock),
            "colors_in_stock": _in_none(others, colors_in_stock(product), colors_in_stock),
        },
    }


def _prices(products: Sequence[Product]) -> dict[str, Any]:
    """The cheapest and the dearest; None where prices are equal, missing, or can't be compared."""
    priced = [(product.price, product) for product in products if product.price is not None]
    nothing = {"cheapest": None, "dearest": None, "price_difference": None}
    if len(priced) < 2 or len({price.currency for price, _ in priced}) > 1:
        return nothing
    low, cheapest = min(priced, key=lambda pair: pair[0].amount)
    high, dearest = max(priced, key=lambda pair: pair[0].amount)
    if low.amount == high.amount:
        return nothing
    return {
        "cheapest": {"product_id": cheapest.id, "title": cheapest.title, "price": money_json(low)},
        "dearest": {"product_id": dearest.id, "title": dearest.title, "price": money_json(high)},
        "price_difference": money_json(Money(high.amount - low.amount, low.currency)),
    }


def _shared(values: Iterable[str]) -> str | None:
    """The value that all have, if they have one."""
    different = set(values)
    return different.pop() or None if len(different) == 1 else None


def _in_all(products: Sequence[Product], of: Callable[[Product], list[str]]) -> list[str]:
    first, *rest = (of(product) for product in products)
    return [value for value in first if all(value in other for other in rest)]


def _in_none(
    products: Sequence[Product], values: Sequence[str], of: Callable[[Product], list[str]]
) -> list[str]:
    elsewhere = {value for product in products for value in of(product)}
    return [value for value in values if value not in elsewhere]
