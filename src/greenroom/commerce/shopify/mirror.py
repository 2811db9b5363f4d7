"""A copy of a shop's products, to be searched here, kept fresh in the background.

First all products are read, page by page; then, time and again, those that changed. Shopify counts
a change of stock as a change of the product. What was deleted shows only in a list of all ids: that
is read each time for a small shop, and once an hour for a large one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from greenroom.commerce.ports import Product
from greenroom.commerce.shopify import queries
from greenroom.commerce.shopify.bulk import bulk_products
from greenroom.commerce.shopify.client import ShopifyClient
from greenroom.commerce.shopify.mapping import Mapper
from greenroom.commerce.shopify.reader import Reader
from greenroom.commerce.sqlite_catalogue import SqliteCatalogue
from greenroom.errors import ProviderFailed
from greenroom.sessions.clock import Clock

MAX_PRODUCTS = 250_000
"""Products of one shop; the rest is left out, with a warning."""

MAX_STALE = 3_600.0
"""Seconds for which the copy serves searches while a refresh goes on; a large shop takes long."""

SMALL_SHOP = 2_500
"""Products up to which all ids are listed at each refresh."""

BULK_FROM = 500
"""Products from which on Shopify is asked for one file of them, beside the pages."""

LIST_EVERY = 3_600.0
"""Seconds between two lists of all ids of a larger shop."""

SHARE = 0.8
"""Of `refresh`, after which the next one begins, so that it is over in time."""

OVERLAP = timedelta(minutes=5)
"""Changes are asked for from this long before the last refresh: for clocks that differ, and
because Shopify's search knows of a change only a moment later."""

FIRST_RETRY = 2.0
"""Seconds after a first failure; each wait is twice the one before, up to a minute."""

_SHOP_TIME_LIMIT = 20.0

log = logging.getLogger(__name__)


class Mirror:
    """One shop's products here. A task of its own runs from the first use to `close`.

    `refresh` is in seconds. `failure` is why the last attempt failed; None after a good one.
    """

    def __init__(self, client: ShopifyClient, *, name: str, refresh: float, clock: Clock) -> None:
        self.failure: ProviderFailed | None = None
        self.shop_url = ""
        self.reader: Reader | None = None
        self.complete = False
        self._client, self._name, self._refresh, self._clock = client, name, refresh, clock
        self._index: SqliteCatalogue | None = None
        self._mapper: Mapper | None = None
        self._cursor: str | None = None
        self._read = 0
        self._began: tuple[float, datetime] | None = None
        self._fresh_at = self._listed_at = 0.0
        self._since: datetime | None = None
        self._settled = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    async def products(self, wait: float, *, partly: bool = False) -> SqliteCatalogue:
        """The copy, once it is complete; `partly`: what there is of it after `wait` seconds.

        Raises ProviderFailed where it is not complete by then, or too old.
        """
        await self._settle(wait)
        if self._index is not None and (self.complete or (partly and self._read)):
            if self.complete and not self.serves:
                why = self.failure.why if self.failure else "no refresh came to an end"
                raise ProviderFailed(
                    self._name, f"{why}; the last products are {self.age:.0f} s old"
                )
            return self._index
        if self.failure is not None:
            raise self._failed(self.failure)
        why = f"the products are being read for the first time ({self._read} so far)"
        raise ProviderFailed(self._name, why, retry_after=5.0)

    @property
    def age(self) -> float:
        """Seconds since which the copy may have missed a change."""
        return self._clock.time() - self._fresh_at

    @property
    def serves(self) -> bool:
        """Whether the copy may be searched.

        Where Shopify doesn't answer, prices and stock are told for as long as they may be cached
        and no longer; a shop that answers slowly still sells.
        """
        return self.age <= (MAX_STALE if self.failure is None else self._refresh)

    @property
    def is_true(self) -> bool:
        """Whether the copy is complete and has missed nothing for longer than `refresh` seconds."""
        now = self._clock.time()
        return self.complete and now - min(self._fresh_at, self._listed_at) <= self._refresh

    async def close(self) -> None:
        """End the task and free the copy. Harmless twice."""
        self._closed = True
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        if self._index is not None:
            await self._index.close()

    async def correct(self, product_id: str, product: Product | None) -> None:
        """Take in what was read of one product by itself; None: it is not for sale."""
        if self._index is None or not self.complete:
            return
        if product is None:
            await self._index.remove([product_id])
        else:
            await self._index.put([product])

    async def _settle(self, wait: float) -> None:
        if self._closed:
            raise ProviderFailed(self._name, "the catalogue is closed", retryable=False)
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name=f"{self._name} mirror")
        if not self._settled.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._settled.wait()

    async def _run(self) -> None:
        failures = 0
        while True:
            began = self._clock.time()
            try:
                await self._read_what_is_new()
            except Exception as error:  # noqa: BLE001 - whatever one attempt meets, the next may not
                failures += 1
                pause = min(FIRST_RETRY * 2 ** min(failures - 1, 5), 60.0)
                self._note(error)
            else:
                if self.failure is not None:
                    log.warning("%s: answers again", self._name)
                self.failure, failures = None, 0
                pause = max(1.0, SHARE * self._refresh - (self._clock.time() - began))
            self._settled.set()
            await self._clock.sleep(pause)

    def _note(self, error: Exception) -> None:
        if not isinstance(error, ProviderFailed):
            log.error("%s: can't read the products", self._name, exc_info=error)
            error = ProviderFailed(self._name, f"can't be read ({type(error).__name__})")
        elif self.failure is None or self.failure.why != error.why:
            log.warning("%s", error)
        self.failure = error

    async def _read_what_is_new(self) -> None:
        if self.reader is None:
            await self._meet()
        assert self.reader is not None  # noqa: S101 - `_meet` has made both
        assert self._index is not None  # noqa: S101
        if not self.complete:
            await self._read_all(self.reader, self._index)
            if self.age <= self._refresh:
                return
        await self._read_changes(self.reader, self._index)

    async def _meet(self) -> None:
        """Learn what must be known of the shop before its products can be understood."""
        data = await self._client.query(queries.SHOP, time_limit=_SHOP_TIME_LIMIT)
        try:
            currency = str(data["shop"]["currencyCode"])
            domain = data["shop"].get("primaryDomain") or {}
            self.shop_url = str(domain.get("url") or "")
        except (KeyError, TypeError, AttributeError) as error:
            raise ProviderFailed(self._name, "an answer that names no shop") from error
        self._index = SqliteCatalogue(self._name, currency=currency)
        self._mapper = Mapper(self._name, currency)
        self.reader = Reader(self._client, self._mapper)

    async def _read_all(self, reader: Reader, index: SqliteCatalogue) -> None:
        """All products. Pages come at once but slowly, a file late but whole: the first wins."""
        if self._began is None:
            self._began = self._clock.time(), self._clock.now()
        if await reader.count() < BULK_FROM:
            await self._read_pages(reader, index)
        else:
            await self._race(self._read_pages(reader, index), self._read_file(index))
        await index.optimise()
        self.complete = True
        self._fresh_at, self._since = self._began
        self._listed_at = self._fresh_at
        taken = self._clock.time() - self._fresh_at
        log.info("%s: %d products read in %.1f s", self._name, await index.size(), taken)

    async def _race(self, *runs: Coroutine[Any, Any, None]) -> None:
        """Return when one has succeeded; raise what the last one failed of."""
        tasks = [asyncio.create_task(run) for run in runs]
        pending = set(tasks)
        try:
            while pending:
                done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
                failures = [failure for run in done if (failure := run.exception()) is not None]
                if len(failures) < len(done):
                    return
                if not pending:
                    raise failures[0]
                log.warning("%s; going on in another way", failures[0])
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _read_file(self, index: SqliteCatalogue) -> None:
        assert self._mapper is not None  # noqa: S101 - `_meet` has made it
        left = MAX_PRODUCTS
        async with contextlib.aclosing(
            bulk_products(self._client, self._mapper, self._clock, self._name)
        ) as some:
            async for products in some:
                await index.put(products[:left])
                left -= len(products)
                if left < 0:
                    log.warning("%s: more than %d products", self._name, MAX_PRODUCTS)
                    return

    async def _read_pages(self, reader: Reader, index: SqliteCatalogue) -> None:
        """Where a former attempt failed, from there on."""
        try:
            async with contextlib.aclosing(
                reader.pages(queries.ACTIVE, "ID", self._cursor)
            ) as pages:
                async for page in pages:
                    await index.put(page.products[: MAX_PRODUCTS - self._read])
                    self._read += len(page.products)
                    self._cursor = page.cursor
                    if self._read > MAX_PRODUCTS:
                        log.warning("%s: more than %d products", self._name, MAX_PRODUCTS)
                        break
        except ProviderFailed as error:
            if not error.retryable:
                self._cursor, self._read = None, 0
            raise

    async def _read_changes(self, reader: Reader, index: SqliteCatalogue) -> None:
        assert self._since is not None  # noqa: S101 - `_read_all` has set it
        began = self._clock.time(), self._clock.now()
        since = (self._since - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")
        async with contextlib.aclosing(
            reader.pages(f"updated_at:>='{since}'", "UPDATED_AT")
        ) as pages:
            async for page in pages:
                await index.remove(page.gone)
                if await index.size() < MAX_PRODUCTS:
                    await index.put(page.products)
        size = await index.size()
        if size <= SMALL_SHOP or began[0] - self._listed_at >= LIST_EVERY:
            there, here = await reader.ids(), await index.ids()
            await index.remove(await asyncio.to_thread(lambda: sorted(here - there)))
            self._listed_at = began[0]
        self._fresh_at, self._since = began

    def _failed(self, failure: ProviderFailed) -> ProviderFailed:
        # A new one: an exception that is raised twice carries the tracebacks of both.
        return ProviderFailed(
            failure.provider,
            failure.why,
            retryable=failure.retryable,
            retry_after=failure.retry_after,
        )
