"""The tools that look: search, details, stock."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from greenroom.commerce.context import (
    LastSearch,
    ProductRef,
    ShopContext,
    money_json,
    price_json,
)
from greenroom.commerce.lexicon import category_of, words_of
from greenroom.commerce.ports import Catalogue, Filters, Product, Variant
from greenroom.commerce.references import best_match, common_words, position, title_score
from greenroom.commerce.sizes import canonical_color, canonical_size
from greenroom.commerce.tool_parameters import CheckInventory, GetProductDetails, SearchProducts
from greenroom.errors import ProductNotFound

_CANDIDATES = 5
_NAMED = 0.6
_CALLED = 0.99


async def search_products(
    catalogue: Catalogue, context: ShopContext, wanted: SearchProducts
) -> dict[str, Any]:
    """Find products, and remember what was asked for and what was found."""
    filters = Filters(
        category=wanted.category,
        min_price=wanted.min_price,
        max_price=wanted.max_price,
        size=wanted.size,
        color=wanted.color,
        in_stock=wanted.in_stock,
    )
    found = await catalogue.search(wanted.query, filters, wanted.limit, wanted.offset)
    category = wanted.category or category_of(words_of(wanted.query))
    if wanted.max_price is not None:
        context.budget = wanted.max_price
    if wanted.min_price is not None:
        context.min_price = wanted.min_price
    if wanted.size is not None:
        context.size, context.size_for = canonical_size(wanted.size), category
    shown = wanted.offset + len(found.products)
    context.last_search = LastSearch(
        query=wanted.query,
        category=wanted.category,
        min_price=wanted.min_price,
        max_price=wanted.max_price,
        size=wanted.size,
        color=wanted.color,
        shown=shown,
        total=found.total,
    )
    if found.products:
        context.results = tuple(ProductRef.of(product) for product in found.products)
        context.focus = context.results[0] if len(context.results) == 1 else None
        context.compared = ()
    return {
        "products": [brief_json(product) for product in found.products],
        "total_count": found.total,
        "has_more": shown < found.total,
    }


async def get_product_details(
    catalogue: Catalogue, context: ShopContext, wanted: GetProductDetails
) -> dict[str, Any]:
    """All about one product."""
    product = await find_product(catalogue, context, wanted.product_id)
    context.view(product)
    return product_json(product)


async def check_inventory(
    catalogue: Catalogue, context: ShopContext, wanted: CheckInventory
) -> dict[str, Any]:
    """Units at hand of what fits, and what else could be had where nothing does."""
    product = await find_product(catalogue, context, wanted.product_id)
    context.view(product)
    if wanted.size is not None:
        context.size, context.size_for = canonical_size(wanted.size), product.category.casefold()
    fitting = fitting_variants(product, wanted.size, wanted.color)
    in_stock = [variant for variant in fitting if variant.available]
    return {
        "product_id": product.id,
        "title": product.title,
        "size": wanted.size,
        "color": wanted.color,
        "for_sale": for_sale(product),
        "offered": bool(fitting),
        "available": bool(in_stock),
        "quantity": sum(variant.stock for variant in in_stock),
        "variants": [variant_json(variant) for variant in in_stock],
        "sizes_in_stock": sizes_in_stock(product, wanted.color),
        "colors_in_stock": colors_in_stock(product, wanted.size),
    }


async def find_product(catalogue: Catalogue, context: ShopContext, reference: str) -> Product:
    """The product that `reference` means, in this conversation. Raises ProductNotFound."""
    index = position(reference)
    if index is not None:
        if 0 <= index < len(context.results):
            return await catalogue.get(context.results[index].id)
        raise ProductNotFound(reference)
    if "/" in reference or ":" in reference:
        return await catalogue.get(reference)
    known = list(context.results)
    if context.focus is not None and context.focus not in known:
        known.append(context.focus)
    if (named := best_match(reference, known)) is not None:
        return await catalogue.get(named.id)
    found = (await catalogue.search(reference, limit=_CANDIDATES)).products
    common = common_words([product.title for product in found]) if len(found) > 1 else frozenset()
    for product in found:
        if title_score(reference, product.title, common) >= _NAMED:
            return product
    # "The comet" is a third of a title, but nothing else in the shop is called that.
    called = [product for product in found if title_score(product.title, reference) >= _CALLED]
    if len(called) == 1:
        return called[0]
    return await catalogue.get(reference)


def for_sale(product: Product) -> bool:
    """Whether the shop sells it at all; without a price or a variant it only shows it."""
    return product.price is not None and bool(product.variants)


def fitting_variants(product: Product, size: str | None, color: str | None) -> list[Variant]:
    """The variants of that size and colour; None fits all."""
    return [
        variant
        for variant in product.variants
        if (size is None or _same_size(variant, size))
        and (color is None or _same_color(variant, color))
    ]


def sizes_in_stock(product: Product, color: str | None = None) -> list[str]:
    """Sizes that can be bought now, in the product's order."""
    here = {variant.size for variant in fitting_variants(product, None, color) if variant.available}
    return _unique(variant.size for variant in product.variants if variant.size in here)


def colors_in_stock(product: Product, size: str | None = None) -> list[str]:
    """Colours that can be bought now, in the product's order."""
    here = {variant.color for variant in fitting_variants(product, size, None) if variant.available}
    return _unique(variant.color for variant in product.variants if variant.color in here)


def _same_size(variant: Variant, size: str) -> bool:
    return variant.size is not None and canonical_size(variant.size) == canonical_size(size)


def _same_color(variant: Variant, color: str) -> bool:
    return variant.color is not None and canonical_color(variant.color) == canonical_color(color)


def _unique(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value is not None))


def brief_json(product: Product) -> dict[str, Any]:
    """What a list of products needs."""
    return {
        "id": product.id,
        "title": product.title,
        "brand": product.brand,
        "category": product.category,
        "price": price_json(product.price),
        "for_sale": for_sale(product),
        "available": any(variant.available for variant in product.variants),
        "sizes_in_stock": sizes_in_stock(product),
        "colors_in_stock": colors_in_stock(product),
    }


def product_json(product: Product) -> dict[str, Any]:
    """Everything of a product; `variants` in contract 004's form, with their price."""
    return brief_json(product) | {
        "description": product.description,
        "images": list(product.images),
        "sizes": _unique(variant.size for variant in product.variants),
        "colors": _unique(variant.color for variant in product.variants),
        "variants": [variant_json(variant) for variant in product.variants],
    }


def variant_json(variant: Variant) -> dict[str, Any]:
    """Contract 004's form of a variant, with its price."""
    return {
        "id": variant.id,
        "size": variant.size,
        "color": variant.color,
        "available": variant.available,
        "inventory_quantity": variant.stock,
        "price": money_json(variant.price),
    }
