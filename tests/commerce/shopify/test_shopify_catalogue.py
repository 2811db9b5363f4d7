from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from decimal import Decimal
from typing import Any

import pytest

from clocks import ManualClock
from greenroom.commerce.ports import CheckoutLine, Filters, Money
from greenroom.commerce.shopify import catalogue as catalogue_module
from greenroom.commerce.shopify import mirror as mirror_module
from greenroom.commerce.shopify.catalogue import ShopifyCatalogue
from greenroom.commerce.shopify.reader import Reader
from greenroom.commerce.shopify.uri import ShopifyUri
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed
from support.graphql import Query
from support.shopify import (
    TOKEN,
    HastyClock,
    Shop,
    options,
    product,
    status,
    variant,
)

Open = Callable[..., ShopifyCatalogue]
COMET = "gid://shopify/Product/7"


@pytest.fixture(autouse=True)
def stocked(still_shop: Shop) -> None:
    still_shop.put(
        product(
            7,
            "Comet Running Shoe",
            variants=[
                variant(701, "89.00", 3, options=options(Size="9", Color="Black")),
                variant(702, "89.00", 0, options=options(Size="10", Color="Black")),
            ],
        ),
        product(8, "Storm Rain Jacket", productType="Outerwear"),
        product(9, "Secret Boot", status="DRAFT"),
    )


@pytest.fixture
async def hasty_catalogue(shop: Shop, hasty: HastyClock) -> AsyncIterator[ShopifyCatalogue]:
    """One whose pauses take no time, of a shop that is empty at first."""
    uri = f"shopify:wild-fox.myshopify.com?base_url={shop.url}"
    made = ShopifyCatalogue(ShopifyUri.parse(uri), TOKEN, clock=hasty)
    yield made
    await made.close()


async def test_a_search_finds_what_is_for_sale(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    found = await catalogue.search("running shoes")
    assert [each.title for each in found.products] == ["Comet Running Shoe"]
    everything = await catalogue.search("")
    assert [each.id for each in everything.products] == [COMET, "gid://shopify/Product/8"]
    in_size = Filters(size="ten", color="black", in_stock=True)
    assert (await catalogue.search("shoes", in_size)).total == 0
    assert still_shop.count("products") == 1


async def test_a_search_knows_the_shelves_of_any_shop(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.put(product(10, "Alpine", productType="Hiking Boots"))
    found = await catalogue.search("", Filters(category="shoes"))
    assert {each.id for each in found.products} == {COMET, "gid://shopify/Product/10"}
    by_own_name = await catalogue.search("", Filters(category="hiking boot"))
    assert [each.title for each in by_own_name.products] == ["Alpine"]


async def test_prices_are_in_the_shops_currency(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.currency = "JPY"
    still_shop.put(product(10, variants=[variant(1001, "12000")]))
    found = await catalogue.search("", Filters(min_price=Decimal(12_000)))
    assert [each.price for each in found.products] == [Money(Decimal(12_000), "JPY")]


async def test_many_products_and_variants_come_page_by_page(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.maximum, still_shop.rate = 1e9, 1e9
    still_shop.put(*(product(number) for number in range(1_000, 1_500)))
    shoes = [
        variant(50_000 + n, stock=n, options=options(Size=str(n), Color="Red")) for n in range(600)
    ]
    still_shop.put(product(4_000, "Endless Shoe", variants=shoes))
    await catalogue.warm_up()
    assert (await catalogue.search("", limit=1)).total == 503
    sizes = await catalogue.search("", Filters(size="599"))
    assert [len(each.variants) for each in sizes.products] == [600]
    assert still_shop.count("products") > 50


async def test_pages_are_as_small_as_they_must_be(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.highest_cost = 150
    still_shop.put(*(product(number) for number in range(100, 110)))
    assert (await catalogue.search("")).total == 12


async def test_what_changes_is_read_again(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await catalogue.search("")
    clock.advance(100)
    still_shop.put(
        product(8, "Storm Rain Jacket", status="ARCHIVED"),
        product(9, "Secret Boot"),
        product(11, "New Shoe", variants=[variant(1101, "5.00")]),
    )
    del still_shop.products[COMET]
    await clock.let_pass(140)
    found = await catalogue.search("")
    assert [each.title for each in found.products] == ["Secret Boot", "New Shoe"]
    assert (await catalogue.search("", Filters(max_price=Decimal(5)))).total == 1
    assert still_shop.asked[-2].root[0].arguments["query"] == "updated_at:>='2026-01-02T02:59:05Z'"


async def test_only_what_changed_is_read_again(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await catalogue.search("")
    await clock.let_pass(240)
    await clock.let_pass(240)
    still_shop.asked.clear()
    await clock.let_pass(240)
    changes, _ = still_shop.asked
    since = changes.root[0].arguments["query"].removeprefix("updated_at:>='").removesuffix("'")
    assert not [each for each in still_shop.products.values() if each["updatedAt"] >= since]


async def test_the_ids_of_a_large_shop_are_listed_once_an_hour(
    catalogue: ShopifyCatalogue,
    still_shop: Shop,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mirror_module, "SMALL_SHOP", 1)
    await catalogue.search("")
    del still_shop.products[COMET]
    for _ in range(14):
        await clock.let_pass(240)
    assert (await catalogue.search("")).total == 2
    with pytest.raises(ProductNotFound):  # the copy can't know; the shop does
        await catalogue.get(COMET)
    assert (await catalogue.search("")).total == 1
    del still_shop.products["gid://shopify/Product/8"]
    await clock.let_pass(240)
    assert (await catalogue.search("")).total == 0


async def test_a_product_comes_from_the_copy_while_that_is_true(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    await catalogue.search("")
    shoe = await catalogue.get(COMET)
    assert (shoe.title, shoe.variants[0].stock) == ("Comet Running Shoe", 3)
    assert await catalogue.get("7") == shoe
    assert still_shop.count("product") == 0


async def test_a_product_is_read_live_where_the_copy_may_be_wrong(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await catalogue.search("")
    still_shop.denied = {"products": "read_products"}
    await clock.let_pass(240)
    still_shop.products[COMET]["variants"][0]["inventoryQuantity"] = 1
    assert (await catalogue.get(COMET)).variants[0].stock == 3
    clock.advance(61)
    assert (await catalogue.get(COMET)).variants[0].stock == 1
    # The copy knows it now, too.
    index = catalogue._mirror._index
    assert index is not None
    assert (await index.search("comet")).products[0].variants[0].stock == 1
    still_shop.products[COMET]["variants"][0]["inventoryQuantity"] = 0
    await catalogue.get(COMET)
    assert still_shop.count("product") == 1
    clock.advance(31)
    await catalogue.get(COMET)
    assert still_shop.count("product") == 2


async def test_a_product_that_is_gone_is_found_no_more(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await catalogue.search("")
    still_shop.denied = {"products": "read_products"}
    clock.advance(301)
    del still_shop.products[COMET]
    for _ in range(2):
        with pytest.raises(ProductNotFound):
            await catalogue.get(COMET)
    assert still_shop.count("product") == 1
    index = catalogue._mirror._index
    assert index is not None
    assert (await index.search("comet")).total == 0


async def test_live_products_are_remembered_only_so_many(
    catalogue: ShopifyCatalogue, still_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "MAX_LIVE", 1)
    still_shop.held, still_shop.hold_after = asyncio.Event(), 1
    with pytest.raises(ProviderFailed, match="0 so far"):
        await catalogue.warm_up(0.01)
    await still_shop.until(lambda: still_shop.requests == 2)
    still_shop.hold_after = 100
    for number in (7, 8, 7):
        await catalogue.get(str(number))
    assert still_shop.count("product") == 3
    still_shop.held.set()


@pytest.mark.parametrize(
    "product_id", ["", "x", "gid://shopify/Product/", "7\n", "gid://x/7", "7" * 30]
)
async def test_what_is_no_id_names_no_product(
    catalogue: ShopifyCatalogue, still_shop: Shop, product_id: str
) -> None:
    with pytest.raises(ProductNotFound):
        await catalogue.get(product_id)
    assert still_shop.requests == 0


async def test_what_is_not_for_sale_is_not_found(catalogue: ShopifyCatalogue) -> None:
    await catalogue.search("")
    with pytest.raises(ProductNotFound):
        await catalogue.get("9")
    with pytest.raises(ProductNotFound):
        await catalogue.get("12345")


async def test_a_wrong_key_fails_at_once_and_says_so(
    open_catalogue: Open, still_shop: Shop
) -> None:
    catalogue = open_catalogue("shpat_wrong")
    for ask in (catalogue.search("x"), catalogue.get("7"), catalogue.check(),
                catalogue.vocabulary(), catalogue.policies(), catalogue.warm_up()):  # fmt: skip
        with pytest.raises(ProviderFailed, match="SHOPIFY_ACCESS_TOKEN") as error:
            await ask
        assert not error.value.retryable
        assert "shpat_wrong" not in str(error.value)


async def test_a_dead_shop_is_a_failed_provider_until_it_answers(
    hasty_catalogue: ShopifyCatalogue, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    shop.always = status(500)
    shop.put(product(7))
    with pytest.raises(ProviderFailed, match="HTTP 500"):
        await hasty_catalogue.search("")
    with pytest.raises(ProviderFailed, match="HTTP 500"):
        await hasty_catalogue.check()
    assert await hasty_catalogue.vocabulary() == ()
    shop.always = None
    await shop.until(lambda: bool(shop.changes))
    assert (await hasty_catalogue.search("")).total == 1
    complaints = [each for each in caplog.records if "HTTP 500" in each.getMessage()]
    assert len(complaints) == 1


async def test_a_reading_that_failed_half_way_goes_on_from_there(
    hasty_catalogue: ShopifyCatalogue, shop: Shop
) -> None:
    shop.put(*(product(number) for number in range(1, 31)))
    run, failures = shop.run, [status(503)] * 5

    def fail_after_a_page(query: Query) -> dict[str, Any]:
        answer = run(query)
        if shop.cursors("status:active") == [None]:
            shop.misbehaviour.extend(failures)
            failures.clear()
        return answer

    shop.run = fail_after_a_page  # type: ignore[method-assign]
    await hasty_catalogue.warm_up()
    await shop.until(lambda: bool(shop.count("products") and shop.changes))
    assert (await hasty_catalogue.search("")).total == 30
    cursors = shop.cursors("status:active")
    assert len(cursors) > 2
    assert len(set(cursors)) == len(cursors)


async def test_while_products_are_read_none_is_said_to_be_missing(
    catalogue: ShopifyCatalogue, still_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue_module, "FIRST_WAIT", 0.01)
    still_shop.maximum, still_shop.rate = 1e9, 1e9
    still_shop.put(*(product(number, f"Plain Sock {number}") for number in range(100, 140)))
    still_shop.held, still_shop.hold_after = asyncio.Event(), 3
    reading = asyncio.create_task(catalogue.warm_up())
    await still_shop.until(lambda: still_shop.requests == 4)  # the second page
    assert (await catalogue.search("comet")).total == 1
    with pytest.raises(ProviderFailed, match=r"first time \(\d+ so far\)") as error:
        await catalogue.search("kayak")
    assert error.value.retryable
    assert error.value.retry_after
    still_shop.held.set()
    await reading
    assert (await catalogue.search("kayak")).total == 0


async def test_a_dead_shops_products_are_searched_until_they_are_five_minutes_old(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await catalogue.search("")
    await catalogue.check()
    still_shop.always = status(403)
    await catalogue.check()  # was asked a moment ago
    clock.advance(240)
    await clock.wait_for_sleeper()
    assert (await catalogue.search("")).total == 2
    with pytest.raises(ProviderFailed, match="searches use products read 240 s ago"):
        await catalogue.check()
    clock.advance(61)
    await clock.wait_for_sleeper()
    with pytest.raises(ProviderFailed, match="HTTP 403"):
        await catalogue.get(COMET)
    with pytest.raises(ProviderFailed, match="301 s old"):
        await catalogue.search("")
    with pytest.raises(ProviderFailed) as error:
        await catalogue.check()
    assert "searches use" not in str(error.value)


async def test_a_check_asks_little_and_seldom(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    await asyncio.gather(*(catalogue.check() for _ in range(5)))
    assert still_shop.requests == 1
    assert still_shop.asked[0].cost <= 5
    clock.advance(31)
    still_shop.always = status(401)
    for _ in range(2):
        with pytest.raises(ProviderFailed):
            await catalogue.check()
    assert still_shop.requests == 2
    still_shop.always = None
    clock.advance(6)
    await catalogue.check()


async def test_policies_are_read_and_kept_for_a_while(
    catalogue: ShopifyCatalogue, still_shop: Shop, clock: ManualClock
) -> None:
    still_shop.policies = [
        {"type": "REFUND_POLICY", "title": "Refunds", "body": "<p>30 days</p>", "url": "https://x"}
    ]
    for _ in range(2):
        (policy,) = await catalogue.policies()
        assert (policy.topic, policy.text) == ("returns", "30 days.")
    assert still_shop.requests == 1
    clock.advance(601)
    still_shop.policies = []
    assert await catalogue.policies() == ()


async def test_policies_that_may_not_be_read_are_an_error_that_names_the_scope(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.denied = {"shopPolicies": "read_legal_policies"}
    with pytest.raises(ProviderFailed, match="read_legal_policies"):
        await catalogue.policies()
    assert (await catalogue.search("")).total == 2


async def test_known_policies_outlast_a_dead_shop(
    hasty_catalogue: ShopifyCatalogue, shop: Shop, hasty: HastyClock
) -> None:
    shop.policies = [{"type": "REFUND_POLICY", "body": "x", "title": "", "url": ""}]
    known = await hasty_catalogue.policies()
    shop.always = status(500)
    await hasty.sleep(601)
    assert await hasty_catalogue.policies() == known
    await hasty.sleep(3_600)
    with pytest.raises(ProviderFailed):
        await hasty_catalogue.policies()


async def test_a_checkout_link_leads_to_the_shops_own_domain(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.domain = "https://www.wild-fox.example"
    link = await catalogue.checkout_url([CheckoutLine("gid://shopify/ProductVariant/701", 2)])
    assert link == "https://www.wild-fox.example/cart/701:2"
    for lines in ([], [CheckoutLine("gid://shopify/ProductVariant/5", 1)]):
        with pytest.raises(InvalidInput, match="lines"):
            await catalogue.checkout_url(lines)


async def test_a_shop_without_a_domain_of_its_own_has_shopifys(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.domain = ""
    link = await catalogue.checkout_url([CheckoutLine("701", 1)])
    assert link == "https://wild-fox.myshopify.com/cart/701:1"


async def test_the_vocabulary_has_the_shops_words(catalogue: ShopifyCatalogue) -> None:
    words = await catalogue.vocabulary()
    assert {"Comet Running Shoe", "Wild Fox", "outerwear", "black"} <= set(words)


async def test_a_shop_has_at_most_so_many_products(
    catalogue: ShopifyCatalogue,
    still_shop: Shop,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(mirror_module, "MAX_PRODUCTS", 5)
    still_shop.put(*(product(number) for number in range(100, 140)))
    assert (await catalogue.search("")).total == 5
    assert "more than 5 products" in caplog.text
    still_shop.put(product(200))
    await clock.let_pass(240)
    assert (await catalogue.search("")).total == 5


async def test_what_nobody_thought_of_does_not_end_the_refreshing(
    catalogue: ShopifyCatalogue,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with monkeypatch.context() as patched, caplog.at_level(logging.ERROR):
        patched.setattr(Reader, "pages", lambda *_: 1 / 0)
        with pytest.raises(ProviderFailed, match="ZeroDivisionError"):
            await catalogue.search("")
    assert "ZeroDivisionError" in caplog.text
    await clock.let_pass(2.0)
    assert (await catalogue.search("")).total == 2


async def test_an_answer_that_names_no_shop_is_a_failure(
    catalogue: ShopifyCatalogue, still_shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(still_shop, "_root", lambda one: None)
    with pytest.raises(ProviderFailed, match="names no shop"):
        await catalogue.search("")


async def test_closing_ends_a_reading_that_is_under_way(
    catalogue: ShopifyCatalogue, still_shop: Shop
) -> None:
    still_shop.held, still_shop.hold_after = asyncio.Event(), 1
    search = asyncio.create_task(catalogue.search(""))
    await still_shop.until(lambda: still_shop.requests == 2)
    await catalogue.close()
    await catalogue.close()
    search.cancel()
    assert not [task for task in asyncio.all_tasks() if "mirror" in task.get_name()]
    for ask in (catalogue.search(""), catalogue.get("7"), catalogue.check()):
        with pytest.raises(ProviderFailed, match="closed"):
            await ask
    still_shop.held.set()
