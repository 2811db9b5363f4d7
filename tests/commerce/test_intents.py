"""What shoppers say, as a recogniser writes it, with the intent and the particulars meant."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Any

import pytest

from greenroom.commerce.context import CartLine, LastSearch, Pending, ProductRef, ShopContext
from greenroom.commerce.intents import INTENTS, recognise
from greenroom.commerce.ports import Money

Row = tuple[str, str, str, dict[str, Any]]

SEARCHES: list[Row] = [
    ("start", "show me running shoes under 100 dollars", "product_search",
     {"query": "running shoes", "category": "footwear", "max_price": Decimal(100)}),
    ("start", "Show me running shoes under $100.", "product_search",
     {"query": "running shoes", "max_price": Decimal(100)}),
    ("start", "show me running shoe under a hundred dollars", "product_search",
     {"query": "running shoe", "max_price": Decimal(100)}),
    ("start", "show me running choose under one hundred dollars", "product_search",
     {"query": "running shoes", "max_price": Decimal(100)}),
    ("start", "show me run in shoes other one hundred dollars", "product_search",
     {"query": "running shoes", "max_price": Decimal(100)}),
    ("start", "i'm looking for a waterproof jacket", "product_search",
     {"query": "waterproof jacket", "category": "outerwear"}),
    ("start", "looking for tents", "product_search", {"query": "tents", "category": "camping"}),
    ("start", "i need a sleeping bag for winter", "product_search",
     {"query": "sleeping bag winter"}),
    ("start", "do you have trail shoes in size ten", "product_search",
     {"query": "trail shoes", "size": "10"}),
    ("start", "do you have running shoes in size for", "product_search",
     {"query": "running shoes"}),
    ("start", "trail shoes size ten and a half", "product_search",
     {"query": "trail shoes", "size": "10.5"}),
    ("start", "running shoes between fifty and eighty dollars", "product_search",
     {"min_price": Decimal(50), "max_price": Decimal(80)}),
    ("start", "jackets from one hundred to two hundred dollars", "product_search",
     {"min_price": Decimal(100), "max_price": Decimal(200)}),
    ("start", "jackets between a hundred and two hundred", "product_search",
     {"min_price": Decimal(100), "max_price": Decimal(200)}),
    ("start", "shoes for less than fifty dollars", "product_search", {"max_price": Decimal(50)}),
    ("start", "backpack around sixty dollars", "product_search",
     {"query": "backpack", "min_price": Decimal(48), "max_price": Decimal(72)}),
    ("start", "a watch for no more than one fifty", "product_search",
     {"query": "watch", "max_price": Decimal(150)}),
    ("start", "headphones under forty nine ninety nine", "product_search",
     {"max_price": Decimal("49.99")}),
    ("start", "my budget is two hundred dollars for a tent", "product_search",
     {"query": "tent", "max_price": Decimal(200)}),
    ("start", "something warm for the winter", "product_search", {"query": "warm winter"}),
    ("start", "black leggings", "product_search", {"query": "leggings", "color": "black"}),
    ("start", "red jacket in a medium", "product_search",
     {"query": "jacket", "color": "red", "size": "M"}),
    ("start", "i want a hoodie in extra large", "product_search",
     {"query": "hoodie", "size": "XL"}),
    ("start", "find me a gray sweater", "product_search", {"query": "sweater", "color": "grey"}),
    ("start", "hi i am looking for hiking boots", "product_search", {"query": "hiking boots"}),
    ("start", "what kind of bags do you have", "product_search", {"query": "bags"}),
    ("start", "do you sell yoga mats", "product_search", {"query": "yoga mats"}),
    ("start", "do you have kayaks", "product_search", {"query": "kayaks"}),
    ("start", "any sunglasses", "product_search", {"query": "sunglasses"}),
    ("start", "show me the cheapest running shoes", "product_search",
     {"query": "running shoes", "extreme": "cheapest"}),
    ("start", "what is the cheapest tent", "product_search",
     {"query": "tent", "extreme": "cheapest"}),
    ("start", "can you recommend a present for a runner", "product_search", {}),
    ("start", "i would like to buy running shoes", "product_search", {"query": "running shoes"}),
    ("start", "give me some tea shirts", "product_search", {"category": "tops"}),
    ("start", "tense under two hundred dollars", "product_search",
     {"query": "tents", "max_price": Decimal(200)}),
    ("start", "what do you have", "product_search", {"query": ""}),
    ("start", "just browsing show me something", "product_search", {}),
    ("start", "tell me about your tents", "product_search", {"query": "tents"}),
    ("start", "pants waist thirty two", "product_search", {"query": "pants", "size": "32"}),
    ("listed", "what about trail shoes", "product_search", {"query": "trail shoes"}),
    ("listed", "how about jackets instead", "product_search", {"query": "jackets"}),
    ("listed", "show me tail shoes instead", "product_search", {"query": "trail shoes"}),
    ("listed", "show me something cheaper", "product_search", {"relative": "cheaper"}),
    ("listed", "anything cheaper", "product_search", {"relative": "cheaper"}),
    ("listed", "do you have anything less expensive", "product_search", {"relative": "cheaper"}),
    ("listed", "that's too expensive", "product_search", {"relative": "cheaper"}),
    ("listed", "do you have them in red", "product_search", {"color": "red"}),
    ("listed", "only in blue", "product_search", {"color": "blue"}),
    ("listed", "only under eighty dollars", "product_search", {"max_price": Decimal(80)}),
    ("listed", "under eighty", "product_search", {"max_price": Decimal(80)}),
    ("listed", "in size nine", "product_search", {"size": "9"}),
    ("start", "under forty dollars", "product_search", {"max_price": Decimal(40)}),
    ("listed", "at any price", "product_search", {"any_price": True}),
    ("listed", "show me more", "product_search", {"more": True}),
    ("listed", "what else do you have", "product_search", {"more": True}),
    ("listed", "any others", "product_search", {"more": True}),
    ("listed", "no show me trail shoes", "product_search", {"query": "trail shoes"}),
    ("focused", "what about trail shoes", "product_search", {"query": "trail shoes"}),
    ("focused", "do you have water bottles", "product_search", {"query": "water bottles"}),
]  # fmt: skip

DETAILS: list[Row] = [
    ("listed", "tell me about the second one", "product_details", {"ordinal": 2}),
    ("listed", "tell me more about the first", "product_details", {"ordinal": 1}),
    ("listed", "tell me about the fist one", "product_details", {"ordinal": 1}),
    ("listed", "second won", "product_details", {"ordinal": 2}),
    ("listed", "the third one please", "product_details", {"ordinal": 3}),
    ("listed", "the last one", "product_details", {"ordinal": -1}),
    ("listed", "show me the first one", "product_details", {"ordinal": 1}),
    ("listed", "number two", "product_details", {"ordinal": 2}),
    ("listed", "what about the second one", "product_details", {"ordinal": 2}),
    ("listed", "details on the comet", "product_details", {"product_id": "comet"}),
    ("listed", "tell me about the comet running shoe", "product_details", {"product_id": "comet"}),
    ("listed", "tell me about the comment running shoe", "product_details",
     {"product_id": "comet"}),
    ("listed", "feather", "product_details", {"product_id": "feather"}),
    ("listed", "which one is the cheapest", "product_details", {"extreme": "cheapest"}),
    ("listed", "tell me about the cheapest one", "product_details", {"extreme": "cheapest"}),
    ("listed", "what is the most expensive one", "product_details", {"extreme": "dearest"}),
    ("focused", "tell me more", "product_details", {}),
    ("focused", "tell me more about it", "product_details", {"pronoun": True}),
    ("focused", "what is it made of", "product_details", {}),
    ("focused", "is it waterproof", "product_details", {}),
    ("focused", "more details please", "product_details", {}),
    ("start", "is it waterproof", "product_details", {"pronoun": True}),
    ("focused", "describe it", "product_details", {}),
]  # fmt: skip

COMPARISONS: list[Row] = [
    ("listed", "compare the first two", "product_comparison", {"compared": ("1", "2")}),
    ("listed", "compare the first to", "product_comparison", {"compared": ("1", "2")}),
    ("listed", "what's the difference between the last two", "product_comparison",
     {"compared": ("2", "3")}),
    ("listed", "compare the first one to the third one", "product_comparison",
     {"compared": ("1", "3")}),
    ("listed", "is the first one cheaper than the last one", "product_comparison",
     {"compared": ("1", "3")}),
    ("listed", "compare number one and number three", "product_comparison",
     {"compared": ("1", "3")}),
    ("listed", "compare the feather and the comet", "product_comparison",
     {"compared": ("comet", "feather")}),
    ("listed", "which is better the comet or the second one", "product_comparison",
     {"compared": ("comet", "2")}),
    ("listed", "which one is cheaper", "product_comparison", {"compared": ()}),
    ("listed", "how do they compare", "product_comparison", {"compared": ()}),
    ("listed", "what's the difference between them", "product_comparison", {"compared": ()}),
    ("listed", "which one would you recommend", "product_comparison", {"compared": ()}),
    ("listed", "should i get the comet or the feather", "product_comparison",
     {"compared": ("comet", "feather")}),
    ("focused", "compare it to the feather", "product_comparison",
     {"compared": ("comet", "feather")}),
    ("focused", "how does it compare to the others", "product_comparison",
     {"compared": ("comet", "morning", "feather")}),
    ("start", "compare the storm rain jacket and the drizzle rain jacket", "product_comparison",
     {"compared": ("storm rain jacket", "drizzle rain jacket")}),
    ("start", "which jackets are better for rain", "product_search", {"compared": ()}),
    ("listed", "show me different options", "product_search", {}),
    ("listed", "which one is the cheapest", "product_details", {"extreme": "cheapest"}),
]  # fmt: skip

PRICES: list[Row] = [
    ("listed", "how much is the second one", "price_inquiry", {"ordinal": 2}),
    ("listed", "what's the price of the first one", "price_inquiry", {"ordinal": 1}),
    ("listed", "how much are the comets", "price_inquiry", {"product_id": "comet"}),
    ("focused", "how much is it", "price_inquiry", {"pronoun": True}),
    ("focused", "what does it cost", "price_inquiry", {"pronoun": True}),
    ("focused", "how much does that cost", "price_inquiry", {}),
    ("focused", "what is the prize", "price_inquiry", {}),
    ("start", "what does it cost", "price_inquiry", {"pronoun": True}),
    ("start", "how much are running shoes", "price_inquiry", {"query": "running shoes"}),
]

STOCK: list[Row] = [
    ("focused", "is it in stock in size ten", "inventory_check", {"size": "10"}),
    ("focused", "is it available in blue", "inventory_check", {"color": "blue"}),
    ("focused", "do you have it in size nine", "inventory_check", {"size": "9"}),
    ("focused", "do you have that in a ten", "inventory_check", {"size": "10"}),
    ("focused", "is that in stuck", "inventory_check", {}),
    ("focused", "what sizes do you have", "inventory_check", {}),
    ("focused", "what colors does it come in", "inventory_check", {}),
    ("focused", "does it come in red", "inventory_check", {"color": "red"}),
    ("listed", "what size does it come in", "inventory_check", {"pronoun": True}),
    ("start", "does it come in grey", "inventory_check", {"color": "grey"}),
    ("focused", "how many are left", "inventory_check", {}),
    ("listed", "is the second one available in size eleven", "inventory_check",
     {"ordinal": 2, "size": "11"}),
    ("listed", "do you have the first one in black", "inventory_check",
     {"ordinal": 1, "color": "black"}),
    ("listed", "is the comet in stock", "inventory_check", {"product_id": "comet"}),
    ("listed", "is the feather running shoe available in size sighs ten", "inventory_check",
     {"product_id": "feather"}),
]  # fmt: skip

ADDING: list[Row] = [
    ("listed", "add the first one to my cart", "add_to_cart", {"ordinal": 1}),
    ("listed", "at the first one to my card", "add_to_cart", {"ordinal": 1}),
    ("listed", "had the first one to my cart", "add_to_cart", {"ordinal": 1}),
    ("listed", "add the second one in size ten", "add_to_cart", {"ordinal": 2, "size": "10"}),
    ("listed", "i'll take the second one", "add_to_cart", {"ordinal": 2}),
    ("listed", "i will take to of the second one", "add_to_cart", {"ordinal": 2, "quantity": 2}),
    ("listed", "buy the cheapest one", "add_to_cart", {"extreme": "cheapest"}),
    ("listed", "put the comet in my basket", "add_to_cart", {"product_id": "comet"}),
    ("listed", "i want the last one", "add_to_cart", {"ordinal": -1}),
    ("listed", "could you please add number two to the cart", "add_to_cart", {"ordinal": 2}),
    ("listed", "yes add the first one", "add_to_cart", {"ordinal": 1}),
    ("listed", "add two of the first one in black", "add_to_cart",
     {"ordinal": 1, "quantity": 2, "color": "black"}),
    ("focused", "add it to my cart", "add_to_cart", {"pronoun": True}),
    ("focused", "add it to the card", "add_to_cart", {"pronoun": True}),
    ("focused", "i'll take it", "add_to_cart", {"pronoun": True}),
    ("focused", "i'll take it in size ten", "add_to_cart", {"size": "10"}),
    ("focused", "add three of them", "add_to_cart", {"quantity": 3}),
    ("focused", "a couple of them to my cart", "add_to_cart", {"quantity": 2}),
    ("start", "i'll take it in size six", "add_to_cart", {"size": "6"}),
    ("focused", "i want to buy it", "add_to_cart", {}),
    ("focused", "add to cart", "add_to_cart", {}),
    ("asked size", "size ten", "add_to_cart", {"size": "10"}),
    ("asked size", "ten", "add_to_cart", {"size": "10"}),
    ("asked size", "size ate", "add_to_cart", {"size": "8"}),
    ("asked size", "ten please", "add_to_cart", {"size": "10"}),
    ("asked size", "i wear a ten", "add_to_cart", {"size": "10"}),
    ("asked size", "a medium", "add_to_cart", {"size": "M"}),
    ("asked size", "i'm a nine and a half", "add_to_cart", {"size": "9.5"}),
]  # fmt: skip

CART: list[Row] = [
    ("cart", "what's in my cart", "view_cart", {}),
    ("cart", "what is in my card", "view_cart", {}),
    ("cart", "show me my cart", "view_cart", {}),
    ("cart", "view cart", "view_cart", {}),
    ("cart", "my basket", "view_cart", {}),
    ("cart", "what's my total", "view_cart", {}),
    ("cart", "how much is my cart", "view_cart", {}),
    ("cart", "what have i got so far", "view_cart", {}),
    ("cart", "remove the comet from my cart", "remove_from_cart", {"product_id": "comet"}),
    ("cart", "take the first one out of my cart", "remove_from_cart", {"ordinal": 1}),
    ("cart", "remove it", "remove_from_cart", {}),
    ("cart", "delete the last item", "remove_from_cart", {"ordinal": -1}),
    ("cart", "empty my cart", "remove_from_cart", {"everything": True}),
    ("cart", "clear the card", "remove_from_cart", {"everything": True}),
    ("cart", "remove one of them", "remove_from_cart", {"quantity": 1}),
    ("cart", "check out", "checkout", {}),
    ("cart", "i'd like to check out please", "checkout", {}),
    ("cart", "checkout", "checkout", {}),
    ("cart", "place my order", "checkout", {}),
    ("cart", "i'm ready to pay", "checkout", {}),
    ("listed", "check out the second one", "product_details", {"ordinal": 2}),
]

TALK: list[Row] = [
    ("start", "hello", "greeting", {}),
    ("start", "hi there", "greeting", {}),
    ("start", "good morning", "greeting", {}),
    ("start", "hello how are you", "greeting", {}),
    ("start", "hey ashley", "greeting", {}),
    ("listed", "thank you very much", "thanks", {}),
    ("listed", "ok thanks", "thanks", {}),
    ("listed", "goodbye", "goodbye", {}),
    ("listed", "thanks bye", "goodbye", {}),
    ("listed", "that's all for now", "goodbye", {}),
    ("start", "help", "help", {}),
    ("start", "what can you do", "help", {}),
    ("start", "can you help me", "help", {}),
    ("focused", "yes", "affirm", {}),
    ("focused", "yes please", "affirm", {}),
    ("focused", "yeah sure go ahead", "affirm", {}),
    ("focused", "ok", "affirm", {}),
    ("focused", "sounds good", "affirm", {}),
    ("focused", "no", "deny", {}),
    ("focused", "no thanks", "deny", {}),
    ("focused", "not now", "deny", {}),
    ("focused", "never mind", "deny", {}),
    ("listed", "can you repeat that", "repeat", {}),
    ("listed", "say that again please", "repeat", {}),
    ("listed", "sorry what did you say", "repeat", {}),
    ("listed", "pardon", "repeat", {}),
    ("start", "what is your return policy", "policy_question", {"topic": "returns"}),
    ("start", "how long does shipping take", "policy_question", {"topic": "shipping"}),
    ("start", "do you ship to canada", "policy_question", {}),
    ("focused", "can i return it", "policy_question", {"topic": "returns"}),
    ("start", "do you have any discounts", "policy_question", {"topic": "discounts"}),
    ("start", "can i pay with paypal", "policy_question", {"topic": "payment"}),
    ("start", "what's the weather like today", "unknown", {}),
    ("start", "tell me a joke", "unknown", {}),
    ("start", "the purple of seventeen", "unknown", {}),
    ("start", "", "unknown", {}),
    ("start", "um uh", "unknown", {}),
]

PHRASES: list[Row] = [*SEARCHES, *DETAILS, *COMPARISONS, *PRICES, *STOCK, *ADDING, *CART, *TALK]


def _ref(name: str, title: str, price: int) -> ProductRef:
    return ProductRef(name, title, Money(Decimal(price)))


NAMED = (
    _ref("morning", "Morning Mile Running Shoe", 65),
    _ref("comet", "Comet Running Shoe", 89),
    _ref("feather", "Feather Running Shoe", 79),
)


def situation(name: str) -> ShopContext:
    """A conversation at its start, after a search, about one product, or with a cart."""
    context = ShopContext()
    if name == "start":
        return context
    context.results = NAMED
    context.last_search = LastSearch("running shoes", shown=3, total=7)
    if name == "listed":
        return context
    context.focus = NAMED[1]
    if name == "asked size":
        context.pending = Pending("size", "add_to_cart", {"product_id": "comet"})
    if name == "cart":
        price = NAMED[1].price
        context.cart.append(CartLine("comet", "v", NAMED[1].title, "10", "Black", 1, price))
    return context


@pytest.mark.parametrize(("where", "sentence", "intent", "slots"), PHRASES)
def test_a_sentence_is_understood(
    where: str, sentence: str, intent: str, slots: dict[str, Any]
) -> None:
    understood = recognise(sentence, situation(where))
    found = {name: getattr(understood.slots, name) for name in slots}
    assert (understood.name, found) == (intent, slots)


def test_every_intent_has_phrases() -> None:
    assert {row[2] for row in PHRASES} == set(INTENTS)
    assert len(PHRASES) >= 180


@pytest.mark.parametrize(
    "noise",
    [
        "yes please " * 200,
        "no i do not want " * 100,
        "the first one " * 300,
        "between 1 and " * 200,
        "thanks thank you " * 6 + "x",
        "x" * 100_000,
        "$1," * 5_000,
        "size " * 400,
    ],
)
def test_no_sentence_takes_long_to_understand(noise: str) -> None:
    began = time.process_time()
    assert recognise(noise, situation("cart")).name in INTENTS
    assert time.process_time() - began < 0.05


def test_a_size_that_was_offered_completes_the_purchase() -> None:
    context = situation("focused")
    context.pending = Pending("yes", "add_to_cart", {"product_id": "comet"})
    understood = recognise("yes in size ten", context)
    assert (understood.name, understood.slots.size) == ("add_to_cart", "10")


def test_a_question_about_stock_is_not_taken_for_the_answer_to_an_offer() -> None:
    context = situation("focused")
    context.pending = Pending("yes", "add_to_cart", {"product_id": "comet"})
    assert recognise("do you have it in red", context).name == "inventory_check"


@pytest.mark.parametrize(
    ("sentence", "intent"),
    [
        ("is the ranger hiking boot available in size twelve", "inventory_check"),
        ("i'll take the ranger hiking boot", "add_to_cart"),
        ("tell me about the family cabin tent", "product_details"),
        ("how much is the granite kettle bell", "price_inquiry"),
        ("yes but what about your warranty", "policy_question"),
        ("yes the thing", "affirm"),
        ("no the thing", "deny"),
        ("please", "affirm"),
        ("not right now thank you", "deny"),
        ("great bye", "goodbye"),
        ("once more please", "repeat"),
        ("what can you help me with", "help"),
        ("do you have any special offers", "policy_question"),
        ("can i bring it back", "policy_question"),
        ("what are your working hours", "policy_question"),
        ("i want to order now", "checkout"),
        ("send me the payment link", "checkout"),
        ("take me to the checkout", "checkout"),
        ("go to my cart", "view_cart"),
        ("how much is everything together", "view_cart"),
        ("i'd like to know more about the ranger hiking boot", "product_details"),
        ("i need a present for my mom", "product_search"),
        ("what do you recommend for cold weather", "product_search"),
    ],
)
def test_a_product_that_was_never_named_can_be_asked_for(sentence: str, intent: str) -> None:
    assert recognise(sentence, situation("start")).name == intent
