"""A catalogue in SQLite, for any source of products.

The products live in memory and are read when they are first asked for. One thread of its own does
all work with them, so the event loop never waits for a search.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import orjson

from greenroom.commerce.checkout import cart_permalink
from greenroom.commerce.ports import (
    NO_FILTERS,
    CheckoutLine,
    Filters,
    Policy,
    Product,
    SearchResult,
)
from greenroom.commerce.product_index import ProductIndex
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

MAX_LIMIT = 250
"""Products of one page."""

_AT_ONCE = 50  # products that are put in or taken out while a search waits: some 10 ms

_T = TypeVar("_T")

log = logging.getLogger(__name__)


class SqliteCatalogue:
    """Searches products that `load` gives, once, on the first use. Payment is at `shop_url`.

    Price filters compare in `currency` (ISO 4217), or in that of the first product with a price;
    a product without a price, or with one in another currency, meets none.
    """

    def __init__(
        self,
        uri: str,
        load: Callable[[], Iterable[Product]] = tuple,
        *,
        policies: Callable[[], tuple[Policy, ...]] = tuple,
        shop_url: str = "https://shop.example",
        currency: str | None = None,
    ) -> None:
        self.uri = uri
        self._load, self._policies, self._shop_url = load, policies, shop_url
        self._currency = currency
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="catalogue")
        self._index: ProductIndex | None = None
        self._closed = False

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        """Products for `query`, ranked by bm25; without a query, in the catalogue's order.

        The price bounds hold for the product's own price; `size`, `color` and `in_stock` must be
        met by one and the same variant, and with `max_price` that variant must cost no more.
        `in_stock=False` asks for what is sold out. Raises ProviderFailed.
        """
        return await self._do(
            lambda index: index.search(query, filters, min(limit, MAX_LIMIT), offset)
        )

    async def get(self, product_id: str) -> Product:
        """One product. Raises ProductNotFound, ProviderFailed."""
        product = await self._do(lambda index: index.get(product_id))
        if product is None:
            raise ProductNotFound(product_id)
        return product

    async def policies(self) -> tuple[Policy, ...]:
        """All policies of the shop. Raises ProviderFailed."""
        return await self._do(lambda _: self._policies())

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        """A cart permalink for exactly these units.

        Raises InvalidInput for no lines and for a variant that the shop doesn't have, and
        ProviderFailed.
        """
        link = cart_permalink(self._shop_url, lines)
        if await self.lacks(line.variant_id for line in lines):
            raise InvalidInput("lines.variant_id", "no such variant", "an id of the shop")
        return link

    async def check(self) -> None:
        """Raise ProviderFailed if the products can't be read."""
        await self._do(lambda _: None)

    async def vocabulary(self) -> tuple[str, ...]:
        """Titles, then brands, categories, colours, sizes and tags, without repetition."""
        return await self._do(lambda index: index.vocabulary())

    async def put(self, products: Sequence[Product]) -> None:
        """Add products, or replace those of the same id. Searches go on in between."""
        for at in range(0, len(products), _AT_ONCE):
            some = products[at : at + _AT_ONCE]
            await self._do(lambda index, some=some: index.put(some))  # type: ignore[misc]

    async def remove(self, ids: Sequence[str]) -> None:
        """Take products out; unknown ids are passed over."""
        for at in range(0, len(ids), _AT_ONCE):
            some = ids[at : at + _AT_ONCE]
            await self._do(lambda index, some=some: index.remove(some))  # type: ignore[misc]

    async def optimise(self) -> None:
        """Make searches quicker after much was put in. They wait for it: 0.5 s for 100,000."""
        await self._do(lambda index: index.optimise())

    async def ids(self) -> set[str]:
        """The ids of all products."""
        return await self._do(lambda index: index.ids())

    async def size(self) -> int:
        """How many products there are."""
        return await self._do(len)

    async def lacks(self, variant_ids: Iterable[str]) -> list[str]:
        """Those of the variants that the shop doesn't have."""
        return await self._do(
            lambda index: [each for each in variant_ids if not index.has_variant(each)]
        )

    async def close(self) -> None:
        """Free the products and end the thread. Harmless twice."""
        if self._closed:
            return
        self._closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._close_index)
        self._thread.shutdown()

    async def _do(self, work: Callable[[ProductIndex], _T]) -> _T:
        if self._closed:
            raise ProviderFailed(self.uri, "the catalogue is closed")

        def run() -> _T:
            if self._index is None:
                self._index = self._open()
            return work(self._index)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, run)
        except (sqlite3.Error, OSError, orjson.JSONDecodeError) as error:
            raise ProviderFailed(self.uri, f"{type(error).__name__}: {error}") from error

    def _open(self) -> ProductIndex:
        # Made, used and closed by the catalogue's one thread.
        index, began = ProductIndex(self._currency), time.monotonic()
        try:
            index.put(self._load(), stop=lambda: self._closed)
            index.optimise()
        except BaseException:
            index.close()
            raise
        if self._closed:
            index.close()
            raise OSError("closed while the products were read")
        log.info("%s: %d products read in %.1f s", self.uri, len(index), time.monotonic() - began)
        return index

    def _close_index(self) -> None:
        if self._index is not None:
            self._index.close()
            self._index = None
