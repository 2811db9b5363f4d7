"""Words of a shop: what they mean alike, and which shelf they belong to."""

from __future__ import annotations

import re


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


SYNONYMS: tuple[tuple[str, ...], ...] = (
    ("shoe", "sneaker", "trainer"),
    ("pants", "trousers", "slacks"),
    ("t shirt", "tee", "tshirt"),
    ("jacket", "coat", "parka", "windbreaker", "raincoat"),
    ("outerwear", "jacket", "coat", "parka", "vest"),
    ("sweatshirt", "hoodie", "hoody", "hooded"),
    ("sweater", "jumper", "pullover", "knitwear"),
    ("leggings", "tights"),
    ("sweatpants", "joggers"),
    ("backpack", "rucksack", "back pack", "knapsack"),
    ("bag", "backpack", "duffel", "tote", "suitcase", "pack"),
    ("suitcase", "luggage", "trolley"),
    ("waist pack", "fanny pack", "belt bag", "bum bag"),
    ("hat", "cap", "beanie"),
    ("sunglasses", "shades", "sun glasses"),
    ("glove", "mitten"),
    ("headphone", "headset", "ear buds", "earbuds", "earphone"),
    ("ear buds", "earbuds", "earphone", "headphone"),
    ("power bank", "battery", "charger"),
    ("camera", "camcorder"),
    ("lantern", "lamp", "light"),
    ("head lamp", "headlamp", "headlight", "head torch"),
    ("stove", "cooker", "burner"),
    ("dumbbell", "weight", "kettle bell", "kettlebell"),
    ("kettle bell", "kettlebell"),
    ("jump rope", "skipping rope"),
    ("pole", "trekking poles", "walking stick"),
    ("bottle", "flask"),
    ("jeans", "denim"),
    ("running", "runner", "jogging"),
    ("trail", "offroad"),
    ("hiking", "trekking", "walking"),
    ("waterproof", "water proof"),
    ("clothes", "tops", "bottoms", "outerwear", "clothing", "apparel"),
    ("electronics", "gadget", "tech"),
    ("fitness", "exercise", "workout", "gym"),
    ("camping", "outdoor", "camp"),
)
"""Groups of which any member finds the products of the first member's group.

A word may stand in several groups; the group in which it comes first is its own.
"""

CATEGORY_WORDS: dict[str, frozenset[str]] = {
    "footwear": _set(
        "footwear shoe shoes sneaker sneakers trainer trainers boot boots sandal sandals "
        "slipper slippers runners loafers"
    ),
    "outerwear": _set(
        "outerwear jacket jackets coat coats parka parkas vest vests raincoat raincoats "
        "windbreaker windbreakers fleece"
    ),
    "tops": _set(
        "tops top shirt shirts tee tees tshirt tshirts t-shirt t-shirts hoodie hoodies "
        "sweatshirt sweatshirts sweater sweaters jumper polo polos blouse flannel"
    ),
    "bottoms": _set(
        "bottoms pants trousers jeans shorts leggings tights sweatpants joggers slacks skirt"
    ),
    "bags": _set(
        "bags bag backpack backpacks rucksack rucksacks duffel tote totes suitcase suitcases "
        "luggage pack packs"
    ),
    "accessories": _set(
        "accessories accessory cap caps hat hats beanie beanies glove gloves sock socks "
        "sunglasses shades belt belts scarf scarves umbrella umbrellas wallet wallets bottle "
        "bottles"
    ),
    "camping": _set(
        "camping tent tents lantern lanterns lamp lamps headlamp stove stoves chair chairs "
        "hammock hammocks poles mattress sleeping"
    ),
    "electronics": _set(
        "electronics watch watches smartwatch earbuds headphones headphone speaker speakers "
        "charger chargers camera cameras monitor gadget gadgets buds"
    ),
    "fitness": _set(
        "fitness mat mats yoga dumbbell dumbbells kettlebell kettlebells bell weights bands "
        "roller rope ropes ball balls bar"
    ),
}
"""Words that say which shelf is meant."""

CATEGORY_NAMES: dict[str, str] = {
    "footwear": "footwear", "outerwear": "outerwear", "tops": "tops", "bottoms": "bottoms",
    "bags": "bags", "accessories": "accessories", "camping": "camping",
    "camping gear": "camping", "outdoor gear": "camping", "camping equipment": "camping",
    "electronics": "electronics", "fitness": "fitness", "fitness gear": "fitness",
    "fitness equipment": "fitness", "gym equipment": "fitness",
    "shoes": "footwear", "jackets": "outerwear", "coats": "outerwear", "shirts": "tops",
    "trousers": "bottoms", "pants": "bottoms", "outdoor": "camping", "tech": "electronics",
}  # fmt: skip
"""What a category filter may be called, beside the category's own name."""

COLORS = _set(
    "black white red blue navy green grey gray orange yellow purple pink brown tan cream "
    "beige olive silver gold"
)

_WORD = re.compile(r"[^\W_]+", re.UNICODE)

STOP_WORDS = _set(
    "a an and any anything are for from i in is it me my of on or other please show some "
    "something that the them then these they thing things this those to want what with "
    "you your do does have size under over below above less more than dollar dollars buck "
    "bucks color colour gear equipment stuff"
)
"""Words of a query that no product is found by."""


def words_of(text: str) -> list[str]:
    """Lower-case words, without punctuation."""
    return _WORD.findall(text.casefold().replace("'", ""))


def singular(word: str) -> str:
    """A plain English singular, good enough to compare two words ("shoes", "scarves")."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("ches", "shes", "sses", "xes")):
        return word[:-2]
    if word.endswith("ves") and len(word) > 4:
        return word[:-3] + "f"
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return word[:-1]
    return word


def category_of(words: list[str]) -> str | None:
    """The shelf that the last of the words that name one belongs to ("running vest": outerwear)."""
    for word in reversed(words):
        for category, members in CATEGORY_WORDS.items():
            if word in members:
                return category
    return None


def _expansions() -> dict[str, tuple[str, ...]]:
    own: dict[str, tuple[str, ...]] = {}
    for group in SYNONYMS:
        for word in group:
            if word not in own or word == group[0]:
                own[word] = group
    return own


EXPANSIONS: dict[str, tuple[str, ...]] = _expansions()
"""For each word or phrase of SYNONYMS, what to look for instead of it alone."""
