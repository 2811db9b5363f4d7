from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from decimal import Decimal

import pytest

from greenroom.commerce import product_index
from greenroom.commerce.ports import NO_FILTERS, CheckoutLine, Filters, Money, Product, Variant
from greenroom.commerce.sqlite_catalogue import SqliteCatalogue
from greenroom.errors import InvalidInput, ProductNotFound, ProviderFailed

Stock = Callable[..., SqliteCatalogue]


@pytest.fixture
async def shop_of() -> AsyncIterator[Stock]:
    async with AsyncExitStack() as stack:

        def make(*products: Product, currency: str | None = None) -> SqliteCatalogue:
            shop = SqliteCatalogue("test:", lambda: products, currency=currency)
            stack.push_async_callback(shop.close)
            return shop

        yield make


def variant(
    number: int,
    price: str = "10",
    stock: int = 1,
    size: str | None = None,
    color: str | None = None,
    currency: str = "USD",
) -> Variant:
    return Variant(
        f"gid://shopify/ProductVariant/{number}",
        Money(Decimal(price), currency),
        stock,
        size,
        color,
    )


def product(number: int, title: str, *variants: Variant, category: str = "footwear") -> Product:
    price = min((each.price for each in variants), key=lambda money: money.amount, default=None)
    return Product(f"p{number}", title, "", category, price, variants=variants)


async def found(shop: SqliteCatalogue, query: str = "", **filters: object) -> list[str]:
    result = await shop.search(query, Filters(**filters), limit=100)  # type: ignore[arg-type]
    assert result.total == len(result.products)
    return [each.id for each in result.products]


async def test_a_product_without_variants_or_price_is_found_but_meets_no_price(
    shop_of: Stock,
) -> None:
    shop = shop_of(product(1, "Old Boot"), product(2, "New Boot", variant(1, "50")))
    assert await found(shop, "boots") == ["p1", "p2"]
    assert await found(shop, "boots", max_price=Decimal(100)) == ["p2"]
    assert await found(shop, "boots", min_price=Decimal(0)) == ["p2"]
    assert await found(shop, in_stock=True) == ["p2"]
    assert await found(shop, in_stock=False) == []
    assert (await shop.get("p1")).price is None


async def test_prices_compare_in_the_shops_own_currency_only(shop_of: Stock) -> None:
    mixed = (
        product(1, "Boot", variant(1, "50", currency="EUR")),
        product(2, "Boot", variant(2, "50", currency="USD")),
    )
    assert await found(shop_of(*mixed), max_price=Decimal(60)) == ["p1"]
    assert await found(shop_of(*mixed, currency="USD"), max_price=Decimal(60)) == ["p2"]
    assert await found(shop_of(*mixed), size="10") == []
    kept = await shop_of(*mixed).get("p2")
    assert kept == mixed[1]


async def test_a_price_of_three_decimals_is_not_rounded(shop_of: Stock) -> None:
    shop = shop_of(product(1, "Boot", variant(1, "1.234", currency="KWD")))
    assert await found(shop, max_price=Decimal("1.234")) == ["p1"]
    assert await found(shop, max_price=Decimal("1.233")) == []


async def test_a_product_of_five_hundred_variants_is_one_product(shop_of: Stock) -> None:
    many = [variant(n, size=str(n), color=f"Tone {n % 7}", stock=n % 2) for n in range(1, 501)]
    shop = shop_of(product(1, "Endless Boot", *many), product(2, "Boot", variant(900)))
    assert await found(shop, size="499") == ["p1"]
    assert await found(shop, size="498", in_stock=True) == []
    assert await found(shop, size="499", color="tone 2", in_stock=True) == ["p1"]
    assert await found(shop, size="499", color="tone 3") == []
    assert len((await shop.get("p1")).variants) == 500


async def test_a_product_may_have_no_name_and_the_same_words_twice(shop_of: Stock) -> None:
    odd = Product("p1", "", "", "", None, tags=("", "red red"))
    shop = shop_of(odd, product(2, "boot"))
    assert await found(shop) == ["p1", "p2"]
    assert await found(shop, "red") == ["p1"]
    assert "" not in await shop.vocabulary()


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("Зимние ботинки", "ботинки"),
        ("冬のブーツ", "冬"),
        ("冬のブーツ", "冬のブ"),
        ("جزمة شتوية", "شتوية"),
        ("Stövlar för barn", "stovlar"),
        ("Żółte buty", "żółte"),
        ('The "Best" Boot', '"best" boot'),
        ("Rock'n'Roll Boot", "rock'n'roll"),
        ("Men’s Boot", "men's"),  # noqa: RUF001
        ("Men's Boot", "men’s"),  # noqa: RUF001
        ("Men's Boot", "mens"),
        ('O-Ring 3/8" x 1', '3/8"'),
    ],
)
async def test_any_script_and_any_mark_can_be_searched(
    shop_of: Stock, title: str, query: str
) -> None:
    shop = shop_of(product(1, title), product(2, "Something else"))
    assert await found(shop, query) == ["p1"]


async def test_one_latin_letter_is_no_beginning_of_everything(shop_of: Stock) -> None:
    shop = shop_of(product(1, "Boot"), product(2, "Vitamin B"))
    assert await found(shop, "b") == ["p2"]
    assert await found(shop, "bo") == ["p1"]


async def test_the_shelf_finds_what_a_shop_calls_otherwise(shop_of: Stock) -> None:
    shop = shop_of(
        product(1, "Alpine", category="Hiking Boots"),
        product(2, "Storm", category="Rain Jackets"),
        product(3, "Fish", category="Aquarium Supplies"),
    )
    assert await found(shop, category="footwear") == ["p1"]
    assert await found(shop, category="coats") == ["p2"]
    assert await found(shop, category="aquarium supply") == ["p3"]
    assert await found(shop, category="hiking  BOOTS") == ["p1"]
    await shop.put([product(4, "Beach", category="Sandals")])
    assert await found(shop, category="footwear") == ["p1", "p4"]
    assert await found(shop, category="") == []


async def test_any_number_of_category_names_may_be_asked_for(shop_of: Stock) -> None:
    shop = shop_of(product(1, "Alpine", category="Boots"))
    for number in range(600):
        assert await found(shop, category=f"nonsense {number}") == []
    assert await found(shop, category="boots") == ["p1"]


async def test_the_last_of_an_id_counts(shop_of: Stock) -> None:
    shop = shop_of(product(1, "Old Boot"), product(2, "Hat"), product(1, "New Boot"))
    assert await found(shop) == ["p1", "p2"]
    assert (await shop.get("p1")).title == "New Boot"
    assert await found(shop, "old") == []


async def test_products_can_be_replaced_and_taken_out(shop_of: Stock) -> None:
    before = [product(n, f"Boot {n}", variant(n, str(n), size=str(n))) for n in range(1, 301)]
    shop = shop_of(*before)
    assert await shop.size() == 300
    changed = [
        product(n, f"Hat {each.id}", variant(999 + n, "7", size="XL"))
        for n, each in enumerate(before[:280], start=1)
    ]
    await shop.put(changed)
    await shop.remove(["p1", "p300", "nothing"])
    assert await shop.size() == 298
    assert len(await found_all(shop, "hats")) == 279
    assert await found_all(shop, "boots") == [f"p{n}" for n in range(281, 300)]
    assert await found(shop, size="5") == []
    assert len(await found_all(shop, size="XL", max_price=Decimal(7))) == 279
    assert (await found_all(shop))[0] == "p2"
    assert await shop.lacks(["5", "1005", "290", "300", "1000", "x"]) == ["5", "300", "1000", "x"]
    assert await shop.ids() == {f"p{n}" for n in range(2, 300)}
    with pytest.raises(ProductNotFound):
        await shop.get("p1")
    await shop.put([before[0]])
    assert (await shop.get("p1")) == before[0]
    assert await found(shop, size="1") == ["p1"]


async def found_all(shop: SqliteCatalogue, query: str = "", **filters: object) -> list[str]:
    ids: list[str] = []
    while True:
        page = await shop.search(query, Filters(**filters), 100, len(ids))  # type: ignore[arg-type]
        if not page.products:
            assert page.total == len(ids)
            return ids
        ids += [each.id for each in page.products]


async def test_a_word_that_is_everywhere_is_counted_in_full_and_ranked_in_part(
    shop_of: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_index, "RANKED", 20)
    plain = [product(n, f"Thing {n}", category="boots") for n in range(100)]
    best = [product(n, "Boot", category="boots") for n in range(200, 205)]
    shop = shop_of(*plain, *best)
    ids = await found_all(shop, "boots")
    assert len(ids) == len(set(ids)) == 105
    assert set(ids[:5]) == {each.id for each in best}
    first, second = [await shop.search("boots", NO_FILTERS, 30, at) for at in (0, 30)]
    assert [each.id for each in first.products + second.products] == ids[:60]


async def test_only_what_meets_the_filters_is_ranked(
    shop_of: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(product_index, "RANKED", 3)
    shop = shop_of(
        *(product(n, "Boot", variant(n, "99")) for n in range(50)),
        product(60, "Boot with a long name", variant(60, "5")),
        product(61, "Boot", variant(61, "5")),
    )
    assert await found(shop, "boot", max_price=Decimal(5)) == ["p61", "p60"]


@pytest.mark.parametrize("product_id", ["", "p9", "\ud800", "\0", "p1' OR '1'='1", "x" * 100_000])
async def test_any_text_may_be_asked_for_as_an_id(shop_of: Stock, product_id: str) -> None:
    shop = shop_of(product(1, "Boot"))
    with pytest.raises(ProductNotFound):
        await shop.get(product_id)


async def test_any_number_may_be_asked_for_as_a_price_or_page(shop_of: Stock) -> None:
    shop = shop_of(product(1, "Boot", variant(1, "5")))
    assert await found(shop, min_price=Decimal("-1e30"), max_price=Decimal("1e30")) == ["p1"]
    assert (await shop.search("", NO_FILTERS, 10, 10**12)).products == ()
    assert (await shop.search("", NO_FILTERS, 10**9, 0)).total == 1


async def test_an_empty_shop_finds_nothing(shop_of: Stock) -> None:
    shop = shop_of()
    assert await found(shop) == []
    assert await found(shop, "boots", size="10", in_stock=True) == []
    assert await shop.vocabulary() == ()
    await shop.check()
    with pytest.raises(InvalidInput):
        await shop.checkout_url([CheckoutLine("1", 1)])


async def test_loading_says_how_long_it_took(
    shop_of: Stock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await shop_of(product(1, "Boot")).check()
    assert "1 products read in 0." in caplog.text


async def test_closing_ends_a_loading_that_is_under_way() -> None:
    started, loop = asyncio.Event(), asyncio.get_running_loop()
    numbers = iter(range(10**9))

    def load() -> Iterator[Product]:
        for number in numbers:
            if number == 500:
                loop.call_soon_threadsafe(started.set)
            yield product(number, "Boot")

    shop = SqliteCatalogue("endless:", load)
    check = asyncio.create_task(shop.check())
    async with asyncio.timeout(10):
        await started.wait()
        await shop.close()
        with pytest.raises(ProviderFailed, match="closed"):
            await check
    assert not any(thread.name.startswith("catalogue") for thread in threading.enumerate())
