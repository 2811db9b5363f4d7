from __future__ import annotations

import asyncio
import re

import pytest

from greenroom.commerce.shopify import client as module
from greenroom.commerce.shopify import queries
from greenroom.commerce.shopify.client import MAX_ATTEMPTS, ShopifyClient, TooCostly
from greenroom.errors import ProviderFailed
from support.shopify import (
    TOKEN,
    HastyClock,
    Misbehaviour,
    Shop,
    body,
    drop,
    error,
    product,
    status,
)

PAGE = {"first": 10, "after": None, "query": queries.ACTIVE, "sort": "ID", "variants": 30}


async def test_a_query_is_answered_and_the_connection_kept(
    shop: Shop, client: ShopifyClient
) -> None:
    for _ in range(3):
        data = await client.query(queries.SHOP, time_limit=5)
        assert data == {
            "shop": {"currencyCode": "USD", "primaryDomain": {"url": "https://shop.example"}}
        }
    assert len(shop.peers) == 1


@pytest.mark.parametrize(
    ("document", "variables"),
    [
        (queries.PRODUCTS, PAGE),
        (queries.PRODUCT, {"id": "gid://shopify/Product/1", "variants": 30}),
        (queries.VARIANTS, {"id": "gid://shopify/Product/1", "first": 250, "after": None}),
        (queries.IDS, {"first": 250, "after": None, "query": queries.ACTIVE}),
        (queries.POLICIES, {}),
    ],
)
async def test_every_query_fits_the_schema_and_may_be_afforded(
    shop: Shop, client: ShopifyClient, document: str, variables: dict[str, object]
) -> None:
    shop.put(product(1))
    assert await client.query(document, variables, time_limit=5)
    assert 0 < client.cost_of(document) <= 1_000


@pytest.mark.parametrize(
    ("misbehaviour", "why"),
    [
        (status(500), "HTTP 500"),
        (status(503), "HTTP 503"),
        (status(429), "too many requests"),
        (body("<html>"), "no JSON"),
        (body("[]"), "no object"),
        (body("{}"), "without data"),
        (body('{"data": null}'), "without data"),
        (drop, "no answer"),
        (error("Throttled", "THROTTLED"), "too many points"),
        (error("Throttled"), "too many points"),
        (error("Internal error", "INTERNAL_SERVER_ERROR"), "inside Shopify"),
    ],
)
async def test_what_passes_is_tried_again_but_not_for_ever(
    shop: Shop, client: ShopifyClient, misbehaviour: Misbehaviour, why: str
) -> None:
    shop.misbehaviour.extend([misbehaviour] * (MAX_ATTEMPTS - 1))
    assert await client.query(queries.SHOP, time_limit=5)
    shop.always = misbehaviour
    before = shop.requests
    with pytest.raises(ProviderFailed, match=why) as failed:
        await client.query(queries.SHOP, time_limit=5)
    assert shop.requests - before == MAX_ATTEMPTS
    assert failed.value.retryable


async def test_pauses_grow_unless_the_server_says_how_long(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.misbehaviour.extend([status(500), status(502), status(429, Retry_After="2.0")])
    await client.query(queries.SHOP, time_limit=5)
    first, second, third = hasty.slept
    assert 0.375 <= first <= 0.625
    assert 0.75 <= second <= 1.25
    assert third == 2.0
    hasty.slept.clear()
    shop.misbehaviour.extend([status(429, Retry_After="next week")])
    await client.query(queries.SHOP, time_limit=5)
    assert 0.375 <= hasty.slept[0] <= 0.625


async def test_a_pause_that_takes_too_long_is_told_and_not_sat_out(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.always = status(429, Retry_After="30")
    with pytest.raises(ProviderFailed, match="too many requests") as failed:
        await client.query(queries.SHOP, time_limit=5)
    assert failed.value.retry_after == 30
    assert (shop.requests, hasty.slept) == (1, [])


@pytest.mark.parametrize(
    ("misbehaviour", "why"),
    [
        (status(400), "HTTP 400"),
        (status(401), "SHOPIFY_ACCESS_TOKEN"),
        (status(402), "frozen"),
        (status(403), "may not"),
        (status(404), re.escape("providers.catalogue")),
        (status(302, Location="http://127.0.0.1:1/"), "HTTP 302"),
        (error("Field 'x' doesn't exist on type 'Shop'"), "refused: Field 'x'"),
        (body('{"errors": "Not allowed"}'), "refused: Not allowed"),
        (body('{"errors": [17]}'), "refused: 17"),
        (error("Access denied for products field.", "ACCESS_DENIED"), "Access denied"),
    ],
)
async def test_a_refusal_says_why_and_is_not_repeated(
    shop: Shop, client: ShopifyClient, misbehaviour: Misbehaviour, why: str
) -> None:
    shop.always = misbehaviour
    with pytest.raises(ProviderFailed, match=why) as failed:
        await client.query(queries.SHOP, time_limit=5)
    assert shop.requests == 1
    assert not failed.value.retryable
    assert TOKEN not in str(failed.value)


async def test_a_missing_scope_is_named(shop: Shop, client: ShopifyClient) -> None:
    shop.denied = {"shopPolicies": "read_legal_policies"}
    with pytest.raises(ProviderFailed, match="read_legal_policies") as failed:
        await client.query(queries.POLICIES, time_limit=5)
    assert not failed.value.retryable


async def test_a_query_that_may_cost_too_much_is_told_apart(
    shop: Shop, client: ShopifyClient
) -> None:
    with pytest.raises(TooCostly):
        await client.query(queries.PRODUCTS, PAGE | {"first": 250}, time_limit=5)
    assert shop.requests == 1


async def test_a_query_waits_until_the_bucket_holds_its_cost(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.maximum, shop.rate = 1_000.0, 50.0
    for _ in range(8):
        await client.query(queries.PRODUCTS, PAGE, time_limit=5)
    assert shop.refused == 0
    assert sum(hasty.slept) > 30
    assert max(hasty.slept) < 1_000 / 50 + 1


async def test_queries_at_once_share_the_bucket(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.maximum, shop.rate = 1_000.0, 50.0
    await client.query(queries.PRODUCTS, PAGE, time_limit=5)
    answers = await asyncio.gather(
        *(client.query(queries.PRODUCTS, PAGE, time_limit=10) for _ in range(4))
    )
    assert len(answers) == 4


async def test_a_part_of_the_bucket_can_be_left_to_others(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.maximum, shop.rate = 1_000.0, 50.0
    small = PAGE | {"first": 2}
    for _ in range(20):
        await client.query(queries.PRODUCTS, small, time_limit=5, spare=0.5)
        assert shop.maximum - shop._level >= 350
    waited = len(hasty.slept)
    await client.query(queries.SHOP, time_limit=5)
    assert len(hasty.slept) == waited


async def test_a_bucket_that_another_has_emptied_is_waited_for(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    await client.query(queries.PRODUCTS, PAGE, time_limit=5)
    shop._level = shop.maximum  # an app with the same token
    await client.query(queries.PRODUCTS, PAGE, time_limit=5)
    assert shop.refused == 1
    assert sum(hasty.slept) >= 5


async def test_the_whole_time_is_bounded(shop: Shop, client: ShopifyClient) -> None:
    shop.held = asyncio.Event()
    began = asyncio.get_running_loop().time()
    with pytest.raises(ProviderFailed, match=r"no answer within 0\.1 s"):
        await client.query(queries.SHOP, time_limit=0.1)
    assert asyncio.get_running_loop().time() - began < 2
    shop.held.set()


async def test_nobody_listening_is_a_failed_provider(hasty: HastyClock) -> None:
    client = ShopifyClient(
        name="shopify:test", endpoint="http://127.0.0.1:1/", token=TOKEN, clock=hasty
    )
    with pytest.raises(ProviderFailed, match="ConnectError"):
        await client.query(queries.SHOP, time_limit=5)
    await client.close()
    await client.close()
    with pytest.raises(ProviderFailed, match="closed"):
        await client.query(queries.SHOP, time_limit=5)


async def test_an_answer_without_end_is_not_read_to_its_end(
    shop: Shop, client: ShopifyClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_ANSWER", 10_000)
    shop.always = body('{"data": "' + "x" * 20_000 + '"}')
    with pytest.raises(ProviderFailed, match="10000 bytes"):
        await client.query(queries.SHOP, time_limit=5)


async def test_a_big_answer_is_read(shop: Shop, client: ShopifyClient) -> None:
    shop.always = body('{"data": {"text": "' + "x" * 200_000 + '"}}')
    assert len((await client.query(queries.SHOP, time_limit=5))["text"]) == 200_000


async def test_an_answer_without_costs_is_still_an_answer(
    shop: Shop, client: ShopifyClient
) -> None:
    for cost in ("null", "{}", '{"cost": {"requestedQueryCost": "x"}}'):
        shop.misbehaviour.append(body(f'{{"data": {{"shop": 1}}, "extensions": {cost}}}'))
        assert await client.query(queries.SHOP, time_limit=5) == {"shop": 1}
    assert client.cost_of(queries.SHOP) == 0
