from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.commerce.ports import Filters, Product
from greenroom.commerce.shopify import bulk, mirror
from greenroom.commerce.shopify.bulk import BulkLines, bulk_products
from greenroom.commerce.shopify.catalogue import ShopifyCatalogue
from greenroom.commerce.shopify.client import ShopifyClient
from greenroom.commerce.shopify.mapping import Mapper
from greenroom.commerce.shopify.uri import ShopifyUri
from greenroom.errors import ProviderFailed
from support.shopify import TOKEN, HastyClock, Shop, drop, options, product, status, variant


@pytest.fixture(autouse=True)
def large_shop(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "BULK_FROM", 5)
    sizes = [variant(900 + n, stock=n, options=options(Size=str(n))) for n in range(50)]
    shop.put(*(product(number) for number in range(1, 41)))
    shop.put(product(50, "Endless Shoe", variants=sizes), product(51, status="DRAFT"))


@pytest.fixture
async def catalogue(shop: Shop, hasty: HastyClock) -> AsyncIterator[ShopifyCatalogue]:
    uri = f"shopify:wild-fox.myshopify.com?base_url={shop.url}"
    made = ShopifyCatalogue(ShopifyUri.parse(uri), TOKEN, clock=hasty)
    yield made
    await made.close()


async def read(client: ShopifyClient, clock: HastyClock) -> list[Product]:
    mapper = Mapper("shopify:test", "USD")
    some = bulk_products(client, mapper, clock, "shopify:test")
    return [each async for products in some for each in products]


async def test_one_file_has_all_products_with_all_their_variants(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    products = await read(client, hasty)
    assert len(products) == 41
    assert [each.id for each in products][:2] == [f"gid://shopify/Product/{n}" for n in (1, 2)]
    assert (products[-1].title, len(products[-1].variants)) == ("Endless Shoe", 50)
    assert products[0].variants[0].stock == 5
    assert hasty.slept == [bulk.POLL] * 2


async def test_a_shop_without_products_has_no_file(
    shop: Shop, client: ShopifyClient, hasty: HastyClock
) -> None:
    shop.products.clear()
    assert await read(client, hasty) == []
    assert shop.downloads == 0


async def test_a_file_that_does_not_come_is_a_failure(
    shop: Shop, client: ShopifyClient, hasty: HastyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "POLL", 300.0)  # it is asked for by real requests
    shop.bulk_error = "A bulk query operation for this app and shop is already in progress"
    with pytest.raises(ProviderFailed, match="already in progress"):
        await read(client, hasty)
    shop.bulk_error = ""
    shop.bulk_status = ["CREATED", "FAILED"]
    with pytest.raises(ProviderFailed, match="FAILED, INTERNAL_SERVER_ERROR"):
        await read(client, hasty)
    shop.bulk_status = ["RUNNING"]
    with pytest.raises(ProviderFailed, match="within 3600 s"):
        await read(client, hasty)
    assert shop.downloads == 0


async def test_a_file_that_is_broken_is_a_failure(
    shop: Shop, client: ShopifyClient, hasty: HastyClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.download_misbehaves = status(404)
    with pytest.raises(ProviderFailed, match="HTTP 404 for a file"):
        await read(client, hasty)
    shop.download_misbehaves = drop
    with pytest.raises(ProviderFailed, match="broke off"):
        await read(client, hasty)
    shop.download_misbehaves = None
    shop.bulk_lines = ['{"id": "gid://shopify/Product/1"}', "{"]
    with pytest.raises(ProviderFailed, match="no JSON"):
        await read(client, hasty)
    monkeypatch.setattr(bulk, "MAX_LINE", 1_000)
    shop.bulk_lines = ["x" * 300_000]
    with pytest.raises(ProviderFailed, match="over 1000 bytes"):
        await read(client, hasty)


async def test_a_file_is_fetched_from_nowhere_unsafe(client: ShopifyClient) -> None:
    for url in ("http://shop.example/file", "file:///etc/passwd", ""):
        with pytest.raises(ProviderFailed, match="not https"):
            await anext(client.download(url))


async def test_a_large_shop_comes_by_file_where_pages_fail(
    catalogue: ShopifyCatalogue, shop: Shop
) -> None:
    shop.denied = {"products": "read_products"}
    await catalogue.warm_up()
    assert (await catalogue.search("")).total == 41
    assert (await catalogue.search("", Filters(size="49", in_stock=True))).total == 1
    assert shop.downloads == 1


async def test_a_large_shop_comes_by_pages_where_the_file_fails(
    catalogue: ShopifyCatalogue, shop: Shop
) -> None:
    shop.bulk_error = "no"
    await catalogue.warm_up()
    await shop.until(lambda: bool(shop.changes))
    assert (await catalogue.search("")).total == 41


async def test_where_both_fail_so_does_the_search(catalogue: ShopifyCatalogue, shop: Shop) -> None:
    shop.denied = {"products": "read_products"}
    shop.bulk_status = ["FAILED"]
    with pytest.raises(ProviderFailed, match=r"read_products|no file"):
        await catalogue.search("")


async def test_a_small_shop_needs_no_file(catalogue: ShopifyCatalogue, shop: Shop) -> None:
    shop.products = {key: shop.products[key] for key in list(shop.products)[:4]}
    assert (await catalogue.search("")).total == 4
    assert shop.count("bulkOperationRunQuery") == 0


async def test_a_file_is_cut_at_so_many_products(
    catalogue: ShopifyCatalogue,
    shop: Shop,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mirror, "MAX_PRODUCTS", 7)
    shop.denied = {"products": "read_products"}
    await catalogue.warm_up()
    assert (await catalogue.search("")).total == 7
    assert "more than 7 products" in caplog.text


LINES: list[Any] = [
    {"id": "orphan", "__parentId": "gid://shopify/Product/0"},
    {"id": "gid://shopify/Product/1", "title": "One ☃"},
    {"id": "gid://shopify/ProductVariant/1", "price": "1.00", "__parentId": "gid://shopify/Product/1"},
    {"id": "gid://shopify/ProductVariant/9", "price": "1.00", "__parentId": "gid://shopify/Product/9"},
    {"id": "gid://shopify/Product/2", "title": "Two"},
    [],
    {"id": "gid://shopify/Product/3", "title": "Three"},
    {"id": "gid://shopify/ProductVariant/3", "price": "3.00", "__parentId": "gid://shopify/Product/3"},
]  # fmt: skip


@given(st.lists(st.integers(1, 200), max_size=20), st.booleans())
def test_a_file_may_come_in_any_pieces(sizes: list[int], ends_in_a_newline: bool) -> None:
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in LINES).encode()
    text += b"\n" * ends_in_a_newline
    lines, found = BulkLines(Mapper("shopify:test", "USD"), "shopify:test"), []
    for size in sizes:
        found += lines.feed(text[:size])
        text = text[size:]
    found += lines.feed(text) + lines.feed(b"", last=True)
    assert [(each.title, len(each.variants)) for each in found] == [
        ("One ☃", 1), ("Two", 0), ("Three", 1),
    ]  # fmt: skip
