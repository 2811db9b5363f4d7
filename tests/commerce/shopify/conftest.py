"""A shop on this machine, and what reads it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest

from clocks import ManualClock
from greenroom.commerce.shopify.catalogue import ShopifyCatalogue
from greenroom.commerce.shopify.client import ShopifyClient
from greenroom.commerce.shopify.uri import ShopifyUri
from support.shopify import TOKEN, HastyClock, Shop, running_shop

Open = Callable[..., ShopifyCatalogue]


@pytest.fixture
def hasty() -> HastyClock:
    return HastyClock()


@pytest.fixture
async def shop(hasty: HastyClock) -> AsyncIterator[Shop]:
    """A shop whose clock goes on when somebody sleeps."""
    async with running_shop(Shop(hasty)) as running:
        yield running


@pytest.fixture
async def client(shop: Shop, hasty: HastyClock) -> AsyncIterator[ShopifyClient]:
    made = ShopifyClient(
        name="shopify:test", endpoint=f"{shop.url}/admin/api/2026-10/graphql.json", token=TOKEN,
        clock=hasty,
    )  # fmt: skip
    yield made
    await made.close()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def still_shop(clock: ManualClock) -> AsyncIterator[Shop]:
    """A shop in which time passes when the test says so."""
    async with running_shop(Shop(clock)) as running:
        yield running


@pytest.fixture
async def open_catalogue(still_shop: Shop, clock: ManualClock) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        def make(token: str = TOKEN, **options: str) -> ShopifyCatalogue:
            more = "".join(f"&{name}={value}" for name, value in options.items())
            uri = f"shopify:wild-fox.myshopify.com?base_url={still_shop.url}{more}"
            catalogue = ShopifyCatalogue(ShopifyUri.parse(uri), token, clock=clock)
            stack.push_async_callback(catalogue.close)
            return catalogue

        yield make


@pytest.fixture
def catalogue(open_catalogue: Open) -> ShopifyCatalogue:
    return open_catalogue()
