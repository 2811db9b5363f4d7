"""The shop as the rest of Greenroom sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Money:
    """An amount and its ISO 4217 currency."""

    amount: Decimal
    currency: str = "USD"


@dataclass(frozen=True, slots=True)
class Variant:
    """One buyable form of a product. `stock` is the number of units at hand."""

    id: str
    price: Money
    stock: int
    size: str | None = None
    color: str | None = None

    @property
    def available(self) -> bool:
        """Whether at least one unit can be bought."""
        return self.stock > 0


@dataclass(frozen=True, slots=True)
class Product:
    """One product. `price` is that of its cheapest variant; None: the shop gives none.

    `description` is plain text. A product without variants, or without a price, can't be bought.
    """

    id: str
    title: str
    description: str
    category: str
    price: Money | None
    brand: str = ""
    images: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filters:
    """What a search must satisfy; None asks nothing. Prices are inclusive."""

    category: str | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None
    size: str | None = None
    color: str | None = None
    in_stock: bool | None = None


NO_FILTERS = Filters()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One page of products, best match first, and how many match in all."""

    products: tuple[Product, ...]
    total: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What the shop says of itself. `topic` is one word (`returns`), `text` is plain."""

    topic: str
    title: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class CheckoutLine:
    """So many units of a variant, to be bought."""

    variant_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class CatalogueContext:
    """What the composition root tells a catalogue when it makes it."""

    data_dir: Path
    secret: Callable[[str], str | None] = os.environ.get
    """A key by the name of its conventional environment variable (`SHOPIFY_ACCESS_TOKEN`)."""


class Catalogue(Protocol):
    """A source of products, made by an entry point of `greenroom.catalogues`.

    The entry point is called as `create(uri, context)` and does no slow work. It raises
    ConfigurationError for a URI that does not fit or a key that is missing.
    """

    uri: str

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        """Products for `query` ("" matches all). Raises ProviderFailed."""
        ...

    async def get(self, product_id: str) -> Product:
        """One product. Raises ProductNotFound, ProviderFailed."""
        ...

    async def policies(self) -> tuple[Policy, ...]:
        """All policies that the shop has written. Raises ProviderFailed."""
        ...

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        """A link at which exactly these units can be paid for. Raises ProviderFailed."""
        ...

    async def check(self) -> None:
        """Raise ProviderFailed if the source does not answer (for /health)."""
        ...

    async def vocabulary(self) -> tuple[str, ...]:
        """Words and titles that shoppers will say, for recognisers."""
        ...

    async def close(self) -> None:
        """Free connections."""
        ...
