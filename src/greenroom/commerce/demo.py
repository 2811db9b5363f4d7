"""The shop that ships with Greenroom: `demo:`, invented products of invented brands."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from importlib.resources import files
from typing import Any

import orjson

from greenroom.commerce.ports import Catalogue, CatalogueContext, Money, Policy, Product, Variant
from greenroom.commerce.sqlite_catalogue import SqliteCatalogue
from greenroom.errors import ConfigurationError

_PRODUCT_ID = "gid://shopify/Product/{}"
_VARIANT_ID = "gid://shopify/ProductVariant/{}"
_SHOP_URL = "https://greenroom-outfitters.example"


def create(uri: str, context: CatalogueContext) -> Catalogue:  # noqa: ARG001 - the signature of the entry point
    """The demo shop. Raises ConfigurationError where `uri` is anything but `demo:`."""
    if uri != "demo:":
        raise ConfigurationError("providers.catalogue", f"{uri!r}: `demo:` takes nothing after it")
    return SqliteCatalogue(uri, demo_products, policies=demo_policies, shop_url=_SHOP_URL)


def demo_policies() -> tuple[Policy, ...]:
    """Every policy of the demo shop."""
    return tuple(Policy(**data) for data in _data("policies.json"))


def demo_products() -> Iterator[Product]:
    """Every product of the demo shop, in the order of the data file."""
    for data in _data("products.json"):
        yield _product(data)


def _data(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = orjson.loads(
        files("greenroom.commerce").joinpath("data", name).read_bytes()
    )
    return found


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
