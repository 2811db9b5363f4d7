"""`shopify:<shop>.myshopify.com` as a catalogue.

Searches run here, over a copy of the shop's products: Shopify's own search knows little of what
shoppers say, and each would cost points and a round trip. One product by itself is read live where
the copy may have missed a change of it; so price and stock are never older than `refresh` (at most
five minutes), or there is an error: while Shopify doesn't answer, searches go on for as long as the
copy is no older than that.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence

from greenroom.commerce.checkout import cart_permalink
from greenroom.commerce.ports import (
    NO_FILTERS,
    Catalogue,
    CatalogueContext,
    CheckoutLine,
    Filters,
    Policy,
    Product,
    SearchResult,
)
from greenroom.commerce.shopify import queries
from greenroom.commerce.shopify.client import ShopifyClient
from greenroom.commerce.shopify.mapping import policies
from greenroom.commerce.shopify.mirror import MAX_STALE, Mirror
from greenroom.commerce.shopify.uri import ShopifyUri, access_token
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed
from greenroom.sessions.clock import Clock, SystemClock

FIRST_WAIT = 4.0
"""Seconds that a search waits for the first reading of the products."""

WORDS_WAIT = 15.0
"""Seconds that `vocabulary` waits for it before it gives the words that there are."""

LIVE_TIME_LIMIT = 4.0
"""Seconds for a product, the policies or a check to be read."""

LIVE_FOR = 30.0
"""Seconds for which a product that was read by itself is not read again."""

MAX_LIVE = 2_000
"""Products remembered so."""

POLICIES_FOR = 600.0
CHECKED_FOR = 30.0
UNWELL_FOR = 5.0
"""Seconds for which policies, and the good or bad outcome of a check, are kept."""

_PRODUCT_ID = re.compile(r"(?:gid://shopify/Product/)?([0-9]{1,19})", re.ASCII)


def create(uri: str, context: CatalogueContext) -> Catalogue:
    """The shop that `uri` names; its key is the secret `SHOPIFY_ACCESS_TOKEN`.

    Raises ConfigurationError for a URI that does not fit and for a key that is missing.
    """
    return ShopifyCatalogue(ShopifyUri.parse(uri), access_token(context.secret))


class ShopifyCatalogue:
    """One Shopify shop. Nothing is read before the first use, or `warm_up`."""

    def __init__(self, shop: ShopifyUri, token: str, *, clock: Clock | None = None) -> None:
        self.uri = shop.uri
        self._clock = clock or SystemClock()
        self._home = f"https://{shop.host}"
        self._client = ShopifyClient(
            name=shop.uri, endpoint=shop.endpoint, token=token, clock=self._clock
        )
        self._mirror = Mirror(self._client, name=shop.uri, refresh=shop.refresh, clock=self._clock)
        self._live_for = min(LIVE_FOR, shop.refresh)
        self._live: OrderedDict[str, tuple[float, Product | None]] = OrderedDict()
        self._policies: tuple[float, tuple[Policy, ...]] | None = None
        self._checked: tuple[float, ProviderFailed | None] | None = None
        self._checking = asyncio.Lock()

    async def warm_up(self, wait: float = WORDS_WAIT) -> None:
        """Begin to read the products; return when all are there, or after `wait` seconds.

        Raises ProviderFailed where Shopify refuses or doesn't answer.
        """
        await self._mirror.products(wait, partly=True)

    async def search(
        self, query: str, filters: Filters = NO_FILTERS, limit: int = 10, offset: int = 0
    ) -> SearchResult:
        """Products for `query` as `SqliteCatalogue.search` finds them.

        While the products are read for the first time, those that are there are found already, but
        never is it said that there is no such product. Raises ProviderFailed.
        """
        index = await self._mirror.products(FIRST_WAIT, partly=True)
        found = await index.search(query, filters, limit, offset)
        if found.total == 0 and not self._mirror.complete:
            await self._mirror.products(0.0)
        return found

    async def get(self, product_id: str) -> Product:
        """One product by its id or the number in it. Raises ProductNotFound, ProviderFailed."""
        found = _PRODUCT_ID.fullmatch(product_id)
        if found is None:
            raise ProductNotFound(product_id)
        wanted = f"gid://shopify/Product/{int(found[1])}"
        if self._mirror.is_true:
            return await (await self._mirror.products(0.0)).get(wanted)
        product = await self._read(wanted)
        if product is None:
            raise ProductNotFound(product_id)
        return product

    async def policies(self) -> tuple[Policy, ...]:
        """The policies that the shop has written, at most ten minutes old.

        While Shopify doesn't answer, older ones are given for an hour. Raises ProviderFailed.
        """
        now = self._clock.time()
        known = self._policies
        if known is not None and now - known[0] <= POLICIES_FOR:
            return known[1]
        try:
            data = await self._client.query(queries.POLICIES, time_limit=LIVE_TIME_LIMIT)
        except ProviderFailed as error:
            if known is not None and error.retryable and now - known[0] <= MAX_STALE:
                return known[1]
            raise
        shop = data.get("shop")
        nodes = shop.get("shopPolicies") if isinstance(shop, dict) else None
        read = await asyncio.to_thread(policies, nodes)
        self._policies = now, read
        return read

    async def checkout_url(self, lines: Sequence[CheckoutLine]) -> str:
        """A cart permalink at the shop's own domain.

        Raises InvalidInput for no lines and for a variant that the shop doesn't have, and
        ProviderFailed.
        """
        index = await self._mirror.products(FIRST_WAIT)
        link = cart_permalink(self._mirror.shop_url or self._home, lines)
        if await index.lacks([line.variant_id for line in lines]):
            raise InvalidInput("lines.variant_id", "no such variant", "an id of the shop")
        return link

    async def check(self) -> None:
        """Raise ProviderFailed if Shopify doesn't answer, and say what is served meanwhile."""
        async with self._checking:
            now = self._clock.time()
            if self._checked is not None:
                at, failure = self._checked
                if now - at <= (CHECKED_FOR if failure is None else UNWELL_FOR):
                    self._raise(failure)
                    return
            failure = None
            try:
                await self._client.query(queries.SHOP, time_limit=LIVE_TIME_LIMIT)
            except ProviderFailed as error:
                failure = error
            self._checked = self._clock.time(), failure
            self._raise(failure)

    async def vocabulary(self) -> tuple[str, ...]:
        """Titles and words of the products that are known by now.

        There are none where Shopify doesn't answer: a server can start without. Raises
        ProviderFailed where it refuses.
        """
        try:
            index = await self._mirror.products(WORDS_WAIT, partly=True)
        except ProviderFailed as error:
            if error.retryable:
                return ()
            raise
        return await index.vocabulary()

    async def close(self) -> None:
        """End the reading and the connections. Harmless twice."""
        await self._mirror.close()
        await self._client.close()

    async def _read(self, product_id: str) -> Product | None:
        now = self._clock.time()
        if product_id in self._live and now - self._live[product_id][0] <= self._live_for:
            return self._live[product_id][1]
        if self._mirror.reader is None:
            await self._mirror.products(FIRST_WAIT, partly=True)
        reader = self._mirror.reader
        if reader is None:
            raise ProviderFailed(self.uri, "the shop has not answered yet", retry_after=5.0)
        product = await reader.product(product_id, time_limit=LIVE_TIME_LIMIT)
        await self._mirror.correct(product_id, product)
        self._live[product_id] = now, product
        self._live.move_to_end(product_id)
        if len(self._live) > MAX_LIVE:
            self._live.popitem(last=False)
        return product

    def _raise(self, failure: ProviderFailed | None) -> None:
        if failure is None:
            return
        why = failure.why
        if self._mirror.complete and self._mirror.serves:
            why += f"; searches use products read {self._mirror.age:.0f} s ago"
        raise ProviderFailed(self.uri, why, retryable=failure.retryable)
