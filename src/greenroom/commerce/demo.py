"""The shop that ships with Greenroom: `demo:`, invented products of invented brands."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from greenroom.commerce.ports import Catalogue, Money, Product, Variant
from greenroom.commerce.sqlite_catalogue import SqliteCatalogue
from greenroom.errors import ConfigurationError

_PRODUCT_ID = "gid://shopify/Product/{}"
_VARIANT_ID = "gid://shopify/ProductVariant/{}"


def create(uri: str, data_dir: Path) -> Catalogue:  # noqa: ARG001 - the signature of the entry point
    """The demo shop. Raises ConfigurationError where `uri` is anything but `demo:`."""
    if uri != "demo:":
        raise ConfigurationError("providers.catalogue", f"{uri!r}: `demo:` takes nothing after it")
    return SqliteCatalogue(uri, demo_products)


def demo_products() -> Iterator[Product]:
    """Every product of the demo shop, in the order of the data file."""
    text = files("greenroom.commerce").joinpath("data/products.json").read_bytes()
    for data in orjson.loads(text):
        yield _product(data)


def _product(data: dict[str, Any]) -> Product:
    variants = tuple(_variants(data))
    return Product(
        id=_PRODUCT_ID.format(data["id"]),
        title=data["title"],
        description=data["description"],
        category=data["category"],
        price=min((variant.price for variant in variants), key=lambda price: price.amount),
        brand=data["brand"],
        images=tuple(data["images"]),
        variants=variants,
        tags=tuple(data["tags"]),
    )


def _variants(data: dict[str, Any]) -> Iterator[Variant]:
    """One for each colour and size; a colour's stock is listed in the order of the sizes."""
    sizes: list[str | None] = data["sizes"] or [None]
    by_size: dict[str | None, str] = data.get("prices_by_size", {})
    number = data["id"] * 100
    for color, stock in data["stock"].items():
        for size, units in zip(sizes, stock, strict=True):
            number += 1
            price = Money(Decimal(by_size.get(size, data["price"])))
            yield Variant(_VARIANT_ID.format(number), price, units, size, color)
