from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from greenroom.commerce.demo import create, demo_products
from greenroom.commerce.ports import (
    Catalogue,
    CatalogueContext,
    CheckoutLine,
    Filters,
    Money,
    Product,
    Variant,
)
from greenroom.commerce.sqlite_catalogue import MAX_LIMIT, SqliteCatalogue
from greenroom.errors import ConfigurationError, InvalidInput, ProductNotFound, ProviderFailed


def titles(products: tuple[Product, ...]) -> set[str]:
    return {product.title for product in products}


def test_the_shop_has_enough_of_everything() -> None:
    products = list(demo_products())
    assert len(products) >= 72
    assert len({product.category for product in products}) >= 8
    assert len({product.id for product in products}) == len(products)
    assert len({product.title for product in products}) == len(products)
    variants = [variant for product in products for variant in product.variants]
    assert len({variant.id for variant in variants}) == len(variants)
    assert min(Counter(product.category for product in products).values()) >= 5
    sold_out = [p for p in products if not any(v.available for v in p.variants)]
    assert 1 <= len(sold_out) <= 10
    for product in products:
        assert product.id.startswith("gid://shopify/Product/")
        assert product.images[0].startswith("https://example.com/")
        assert product.description
        assert product.brand
        assert product.price is not None
        assert product.price.amount == min(v.price.amount for v in product.variants) > 0


def test_the_demo_takes_nothing_after_its_name(data_dir: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"providers\.catalogue"):
        create("demo:big", CatalogueContext(data_dir))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("running shoes", "running shoe"),
        ("sneakers", "shoes"),
        ("trousers", "pants"),
        ("tee", "t-shirt"),
        ("tees", "T-Shirts"),
        ("rucksack", "backpack"),
        ("Hoodies", "sweatshirt"),
        ("jogging shoes", "running shoes"),
        ("headlamp", "head lamp"),
        ("2 person tent", "two person tent"),
        ("coats", "jacket"),
        ("SHOES", "shoes"),
        ("camping gear", "camping"),
    ],
)
async def test_the_same_thing_by_another_name_is_found(
    catalogue: Catalogue, one: str, other: str
) -> None:
    first = await catalogue.search(one, limit=50)
    second = await catalogue.search(other, limit=50)
    assert first.total > 0
    assert titles(first.products) == titles(second.products)


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("comet", "Comet Running Shoe"),
        ("waterproof jacket", "Storm Rain Jacket"),
        ("water bottle", "Steel Water Bottle"),
        ("jum", "Quick Feet Jump Rope"),
        ("breathable", "Feather Running Shoe"),
        ("warm hat for my mother", "Snowfall Wool Hat"),
    ],
)
async def test_the_best_match_comes_first(catalogue: Catalogue, query: str, best: str) -> None:
    assert (await catalogue.search(query)).products[0].title == best


async def test_a_word_in_a_description_does_not_make_a_thing_a_shoe(catalogue: Catalogue) -> None:
    found = await catalogue.search("shoes", limit=50)
    assert {product.category for product in found.products} == {"footwear"}


async def test_what_a_thing_is_for_does_not_decide_what_it_is(catalogue: Catalogue) -> None:
    found = await catalogue.search("shoes for rain", limit=50)
    assert found.total > 0
    assert all(product.category == "footwear" for product in found.products)


@pytest.mark.parametrize("query", ["kayak", "waterproof kayak", "!!!", "zzzz"])
async def test_what_is_not_sold_is_not_found(catalogue: Catalogue, query: str) -> None:
    found = await catalogue.search(query)
    assert (found.products, found.total) == ((), 0)


@pytest.mark.parametrize(
    "query",
    [
        '"', "'", '"running" OR "', "running AND", "NOT shoes", "NEAR(running shoes)",
        "title : shoes",
        "shoe*", "^shoe", "a" * 10_000, "shoes " * 500, "-shoes", "{title}: x", "\x00", "шуз", "靴",
        "); DROP TABLE products; --", "running + shoes", "col:val", "(", ")",
    ],
)  # fmt: skip
async def test_no_text_is_taken_for_search_syntax(catalogue: Catalogue, query: str) -> None:
    found = await catalogue.search(query)
    assert found.total >= len(found.products)


async def test_without_a_query_everything_is_there_page_by_page(catalogue: Catalogue) -> None:
    whole = await catalogue.search("", limit=MAX_LIMIT)
    first = await catalogue.search("", limit=30)
    second = await catalogue.search("", limit=30, offset=30)
    beyond = await catalogue.search("", limit=30, offset=1_000)
    assert whole.total == len(whole.products) == len(list(demo_products()))
    assert first.products + second.products == whole.products[:60]
    assert (beyond.products, beyond.total) == ((), whole.total)


async def test_pages_of_a_query_do_not_overlap(catalogue: Catalogue) -> None:
    pages = [await catalogue.search("jackets", limit=4, offset=at) for at in (0, 4, 8)]
    found = [product.id for page in pages for product in page.products]
    assert len(found) == len(set(found)) == pages[0].total


async def test_prices_are_inclusive(catalogue: Catalogue) -> None:
    bounds = Filters(min_price=Decimal("65.00"), max_price=Decimal("79.00"))
    found = await catalogue.search("running shoes", bounds)
    assert titles(found.products) == {"Morning Mile Running Shoe", "Feather Running Shoe"}
    cent = Decimal("0.01")
    closer = Filters(min_price=Decimal(65) + cent, max_price=Decimal(79) - cent)
    assert (await catalogue.search("running shoes", closer)).total == 0
    assert (await catalogue.search("", Filters(max_price=Decimal(10) ** 30))).total > 0


@pytest.mark.parametrize("name", ["footwear", "Footwear", "shoes", " FOOTWEAR "])
async def test_a_category_filter_knows_its_other_names(catalogue: Catalogue, name: str) -> None:
    found = await catalogue.search("", Filters(category=name), limit=50)
    assert {product.category for product in found.products} == {"footwear"}
    assert (await catalogue.search("", Filters(category="boats"))).total == 0


@pytest.mark.parametrize("size", ["M", "m", "medium", "Medium"])
async def test_a_size_is_the_same_however_it_is_written(catalogue: Catalogue, size: str) -> None:
    found = await catalogue.search("jackets", Filters(size=size), limit=50)
    assert found.total == 9
    assert all(any(v.size == "M" for v in product.variants) for product in found.products)


async def test_a_size_filter_asks_for_the_size_and_not_for_stock(catalogue: Catalogue) -> None:
    by_size = await catalogue.search("lightning racing shoe", Filters(size="10"))
    in_stock = await catalogue.search("lightning racing shoe", Filters(size="10", in_stock=True))
    sold_out = await catalogue.search("lightning racing shoe", Filters(size="10", in_stock=False))
    assert (by_size.total, in_stock.total, sold_out.total) == (1, 0, 1)
    assert (await catalogue.search("running shoes", Filters(size="44"))).total == 0


async def test_size_colour_and_stock_are_of_one_variant(catalogue: Catalogue) -> None:
    wanted = Filters(size="10", color="GREY", in_stock=True)
    found = await catalogue.search("", wanted, limit=MAX_LIMIT)
    expected = {
        product.title
        for product in demo_products()
        if any(v.size == "10" and v.color == "Grey" and v.stock > 0 for v in product.variants)
    }
    assert titles(found.products) == expected
    assert expected


async def test_a_size_that_costs_more_is_beyond_the_budget(catalogue: Catalogue) -> None:
    budget = Filters(max_price=Decimal(40))
    assert (await catalogue.search("kettle bell", budget)).total == 1
    heavy = Filters(max_price=Decimal(40), size="35 pounds")
    assert (await catalogue.search("kettle bell", heavy)).total == 0


async def test_sold_out_products_are_found_as_such(catalogue: Catalogue) -> None:
    found = await catalogue.search("", Filters(in_stock=False), limit=50)
    assert "Family Cabin Tent" in titles(found.products)
    assert all(not v.available for product in found.products for v in product.variants)


async def test_a_product_comes_back_as_it_went_in(catalogue: Catalogue) -> None:
    for product in demo_products():
        assert await catalogue.get(product.id) == product


async def test_an_unknown_product_is_an_error_that_names_it(catalogue: Catalogue) -> None:
    with pytest.raises(ProductNotFound) as error:
        await catalogue.get("gid://shopify/Product/1")
    assert error.value.product_id == "gid://shopify/Product/1"


async def test_the_shop_says_what_it_does_with_returns_and_the_like(catalogue: Catalogue) -> None:
    policies = {policy.topic: policy for policy in await catalogue.policies()}
    assert {
        "returns", "exchange", "shipping", "payment", "warranty", "gifts", "discounts", "privacy",
        "contact", "hours",
    } <= set(policies)  # fmt: skip
    assert "30 days" in policies["returns"].text
    for policy in policies.values():
        assert policy.topic.isalpha()
        assert policy.title
        assert 1 <= len(re.findall(r"[.](?: |$)", policy.text)) <= 3
        assert policy.url.startswith("https://greenroom-outfitters.example/")


async def test_a_checkout_link_has_exactly_the_lines(catalogue: Catalogue) -> None:
    product = await catalogue.get("gid://shopify/Product/7001002")
    one, other = product.variants[0].id, product.variants[3].id
    link = await catalogue.checkout_url([CheckoutLine(one, 2), CheckoutLine(other, 1)])
    assert link == "https://greenroom-outfitters.example/cart/700100201:2,700100204:1"
    twice = await catalogue.checkout_url([CheckoutLine(one, 2), CheckoutLine(one, 3)])
    assert twice == "https://greenroom-outfitters.example/cart/700100201:5"


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [CheckoutLine("gid://shopify/ProductVariant/1", 1)],
        [CheckoutLine("gid://shopify/ProductVariant/x", 1)],
        [CheckoutLine("", 1)],
        [CheckoutLine("gid://shopify/ProductVariant/700100201", 0)],
        [CheckoutLine("gid://shopify/ProductVariant/700100201", 10**7)],
        [CheckoutLine(str(number), 1) for number in range(300)],
    ],
)
async def test_what_is_not_sold_can_not_be_paid_for(
    catalogue: Catalogue, lines: list[CheckoutLine]
) -> None:
    with pytest.raises(InvalidInput, match="lines"):
        await catalogue.checkout_url(lines)


async def test_the_vocabulary_has_titles_and_words(catalogue: Catalogue) -> None:
    words = await catalogue.vocabulary()
    assert {"Comet Running Shoe", "Wild Fox", "footwear", "black", "waterproof"} <= set(words)
    assert len(words) == len(set(words))


async def test_a_closed_shop_says_so_and_leaves_no_thread(data_dir: Path) -> None:
    shop = create("demo:", CatalogueContext(data_dir))
    await shop.check()
    assert any(thread.name.startswith("catalogue") for thread in threading.enumerate())
    await shop.close()
    await shop.close()
    with pytest.raises(ProviderFailed, match="closed"):
        await shop.check()
    assert not any(thread.name.startswith("catalogue") for thread in threading.enumerate())


async def test_a_source_that_fails_is_a_failed_provider_until_it_works() -> None:
    failures: list[Exception] = [OSError("no disk"), sqlite3.DatabaseError("no luck")]

    def load() -> Iterator[Product]:
        if failures:
            raise failures.pop()
        yield from demo_products()

    shop = SqliteCatalogue("demo:", load)
    for _ in range(2):
        with pytest.raises(ProviderFailed, match="demo:"):
            await shop.check()
    await shop.check()
    await shop.close()


async def test_a_big_catalogue_is_searched_without_holding_up_the_loop() -> None:
    def load() -> Iterator[Product]:
        for number in range(20_000):
            price = Money(Decimal(10 + number % 300))
            yield Product(
                f"gid://shopify/Product/{number}",
                f"Model {number} {('Running', 'Trail', 'Hiking')[number % 3]} Shoe",
                "A shoe.",
                "footwear",
                price,
                variants=(Variant(f"v{number}", price, number % 5, str(7 + number % 6), "Black"),),
            )

    shop = SqliteCatalogue("big:", load)
    await shop.check()
    loop = asyncio.get_running_loop()
    longest, ticking = 0.0, True

    async def tick() -> None:
        nonlocal longest
        while ticking:
            before = loop.time()
            await asyncio.sleep(0)
            longest = max(longest, loop.time() - before)

    ticker = asyncio.create_task(tick())
    began = loop.time()
    found = await shop.search(
        "trail shoes", Filters(size="8", max_price=Decimal(200), in_stock=True)
    )
    taken = loop.time() - began
    ticking = False
    await ticker
    await shop.close()
    assert found.total > 500
    assert taken < 2.0
    assert longest < taken
