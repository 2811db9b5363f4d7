"""What a search costs, by the size of the shop and the kind of query. In `bench`,

../.venv/bin/python search.py --products 98 100000 --rounds 40

prints one JSON line for the loading of each shop (seconds, megabytes, and how long the event loop
was held up at most meanwhile), one for each kind of query, and one for all kinds together: p50,
p95 and max in milliseconds, as a caller of `SqliteCatalogue.search` sees them, p95 of the CPU time
that a search took, and seconds of both in all. The 98 are the demo shop's own; more are generated,
always the same ones.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from greenroom.app.garbage import tune_garbage_collector
from greenroom.commerce.demo import demo_products
from greenroom.commerce.lexicon import COLORS
from greenroom.commerce.ports import NO_FILTERS, Filters, Money, Product, Variant
from greenroom.commerce.sqlite_catalogue import SqliteCatalogue


def _words(text: str) -> list[str]:
    return text.split()


BRANDS = [f"{first} {second}" for first in ("North", "Silver", "Wild", "Blue", "Old", "Iron",
                "Quiet", "Bright") for second in ("Fox", "Lake", "Pine", "Harbor", "Ridge", "Creek",
                "Anchor", "Meadow", "Stone", "Feather")]  # fmt: skip
ADJECTIVES = _words(
    "light warm waterproof soft sturdy slim roomy quick classic modern heavy breathable padded "
    "insulated recycled organic quilted stretch ribbed washed merino wool cotton leather canvas"
)
USES = _words(
    "running trail hiking camping travel city winter summer rain yoga cycling climbing office "
    "school training beach ski fishing garden evening"
)
THINGS: dict[str, tuple[str, ...]] = {
    "footwear": ("shoe", "boot", "sandal", "sneaker", "slipper", "loafer"),
    "outerwear": ("jacket", "coat", "vest", "parka", "poncho"),
    "tops": ("shirt", "hoodie", "sweater", "tee", "polo", "blouse"),
    "bottoms": ("jeans", "shorts", "leggings", "skirt", "trousers"),
    "bags": ("backpack", "tote", "duffel", "suitcase", "pouch"),
    "accessories": ("hat", "cap", "glove", "sock", "belt", "scarf", "umbrella", "wallet"),
    "camping": ("tent", "lantern", "stove", "chair", "hammock"),
    "electronics": ("watch", "speaker", "charger", "camera", "headphones"),
    "fitness": ("mat", "dumbbell", "rope", "band", "roller"),
}
SHOE_SIZES = ["7", "8", "9", "10", "11", "12", "13"]
LETTER_SIZES = ["XS", "S", "M", "L", "XL"]
PALETTE = sorted(COLORS)


def generated(count: int) -> Iterator[Product]:
    """A department store. A few words are in very many products, most are in few."""
    dice = random.Random(7)
    names = ["".join(dice.choices("abcdefghiklmnoprstuvw", k=6)).title() for _ in range(4_000)]
    categories = list(THINGS)
    for number in range(1, count + 1):
        category = dice.choices(categories, range(len(categories), 0, -1))[0]
        thing, use, adjective = (
            dice.choice(THINGS[category]), dice.choice(USES), dice.choice(ADJECTIVES)
        )  # fmt: skip
        name = names[min(int(dice.expovariate(1 / 600)), len(names) - 1)]
        title = f"{name} {adjective.title()} {use.title()} {thing.title()}"
        price = Decimal(dice.randrange(500, 40_000)) / 100
        variants = tuple(_variants(dice, number, category, price))
        words = " ".join(dice.choices([*ADJECTIVES, *USES, *names[:500]], k=30))
        yield Product(
            f"gid://shopify/Product/{number}",
            title,
            f"A {adjective} {thing} for {use}: {words}.",
            category,
            Money(price),
            dice.choice(BRANDS),
            (f"https://example.com/{number}.jpg",),
            variants,
            (use, adjective, *dice.sample(USES, 2)),
        )


def _variants(dice: random.Random, number: int, category: str, price: Decimal) -> Iterator[Variant]:
    sizes: list[str | None] = [None]
    if category == "footwear":
        sizes = [*SHOE_SIZES]
    elif category in {"outerwear", "tops", "bottoms"}:
        sizes = [*LETTER_SIZES]
    for at, color in enumerate(dice.sample(PALETTE, dice.randint(1, 4))):
        for place, size in enumerate(sizes):
            stock = dice.choice((0, 0, 1, 3, 8, 20))
            yield Variant(
                f"gid://shopify/ProductVariant/{number * 100 + at * 10 + place}",
                Money(price), stock, size, color,
            )  # fmt: skip


Ask = tuple[str, Filters, int]
"""Query, filters, offset."""


def questions(dice: random.Random, products: list[Product]) -> dict[str, Ask]:
    """One question of each kind, about what the shop may have."""
    some = dice.choice(products)
    words = some.title.split()
    thing, use = words[-1], words[-2]
    variant = dice.choice(some.variants)
    budget = Decimal(dice.randrange(20, 300))
    things = dice.choice([thing for kind in THINGS.values() for thing in kind])
    return {
        "one common word": (things, NO_FILTERS, 0),
        "plural": (f"{things}s", NO_FILTERS, 0),
        "several words": (f"{use} {thing}", NO_FILTERS, 0),
        "many words": (f"a {words[1]} {use} {thing} for {dice.choice(USES)}", NO_FILTERS, 0),
        "a title": (some.title, NO_FILTERS, 0),
        "a brand": (f"{some.brand} {thing}", NO_FILTERS, 0),
        "prefix": (words[0][:4], NO_FILTERS, 0),
        "short prefix": (thing[:2], NO_FILTERS, 0),
        "no hit": (f"zeppelin {dice.randrange(10_000)}x", NO_FILTERS, 0),
        "under a price": (f"{things} under", Filters(max_price=budget), 0),
        "size and stock": (thing, Filters(size=variant.size, in_stock=True), 0),
        "size, colour, price, stock": (
            f"{use} {thing}",
            Filters(max_price=budget, size=variant.size, color=variant.color, in_stock=True),
            0,
        ),
        "sold out": (things, Filters(in_stock=False), 0),
        "category": ("", Filters(category=some.category), 0),
        "category, colour, price": (
            "",
            Filters(category=some.category, color=variant.color, max_price=budget, in_stock=True),
            0,
        ),
        "colour only": ("", Filters(color=variant.color), 0),
        "everything": ("", NO_FILTERS, dice.randrange(0, 100) * 10),
        "a later page": (things, NO_FILTERS, dice.randrange(1, 20) * 10),
    }


async def measure(count: int, rounds: int) -> None:
    products = list(demo_products()) if count == 98 else list(generated(count))
    shop = SqliteCatalogue("bench:", lambda: iter(products))
    loading = await load(shop)
    print(json.dumps({"bench": "search", "what": "load", "products": len(products), **loading}))
    dice = random.Random(11)
    taken: dict[str, list[float]] = {}
    cpu: dict[str, list[float]] = {}
    found: dict[str, int] = {}
    for _ in range(rounds):
        for kind, (query, filters, offset) in questions(dice, products).items():
            began, began_cpu = time.perf_counter(), time.process_time()
            result = await shop.search(query, filters, 10, offset)
            taken.setdefault(kind, []).append(time.perf_counter() - began)
            cpu.setdefault(kind, []).append(time.process_time() - began_cpu)
            found[kind] = found.get(kind, 0) + result.total
    for times_of in (taken, cpu):
        times_of["all"] = [one for each in times_of.values() for one in each]
    for kind, times in taken.items():
        line = {
            "bench": "search", "what": kind, "products": len(products), "searches": len(times),
            **percentiles(times),
            "cpu_p95_ms": percentiles(cpu[kind])["p95_ms"],
            "wall_s": round(sum(times), 3),
            "cpu_s": round(sum(cpu[kind]), 3),
            "hits": round(found.get(kind, sum(found.values())) / len(times)),
        }  # fmt: skip
        print(json.dumps(line), flush=True)
    await shop.close()


async def load(shop: SqliteCatalogue) -> dict[str, Any]:
    """Fill the shop while something else runs on the loop."""
    longest = 0.0

    async def tick() -> None:
        nonlocal longest
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            longest = max(longest, time.perf_counter() - before - 0.001)

    ticker = asyncio.create_task(tick())
    before = memory_mb()
    began, began_cpu = time.perf_counter(), time.process_time()
    await shop.check()
    wall, cpu = time.perf_counter() - began, time.process_time() - began_cpu
    ticker.cancel()
    return {
        "wall_s": round(wall, 3), "cpu_s": round(cpu, 3), "loop_held_ms": round(longest * 1e3, 2),
        "memory_mb": round(memory_mb() - before, 1),
    }  # fmt: skip


def memory_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def percentiles(times: list[float]) -> dict[str, float]:
    ordered = sorted(times)

    def at(share: float) -> float:
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1e3, 3)

    return {"p50_ms": at(0.5), "p95_ms": at(0.95), "max_ms": round(ordered[-1] * 1e3, 3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, nargs="+", default=[98, 100_000])
    parser.add_argument("--rounds", type=int, default=40)
    asked = parser.parse_args()
    tune_garbage_collector()
    for count in asked.products:
        asyncio.run(measure(count, asked.rounds))


if __name__ == "__main__":
    main()
