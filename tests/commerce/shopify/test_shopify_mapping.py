from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenroom.commerce.ports import Money, Policy, Variant
from greenroom.commerce.shopify.mapping import (
    UNCOUNTED_STOCK,
    Mapper,
    next_cursor,
    policies,
)
from support.shopify import options, product, variant


def nodes(shopify: dict[str, Any]) -> dict[str, Any]:
    """As the API gives it: variants in a connection."""
    return shopify | {"variants": {"nodes": shopify["variants"]}}


def mapped(*variants: dict[str, Any], currency: str = "USD", **changes: Any) -> Any:
    return Mapper("shopify:test", currency).product(
        nodes(product(7, "Comet Shoe", variants=list(variants), **changes))
    )


def test_a_product_has_everything_that_a_voice_needs() -> None:
    shoe = mapped(
        variant(1, "89.00", 3, options=options(Size="9", Color="Black")),
        variant(2, "79.50", 0, options=options(Size="10", Color="Black")),
        currency="EUR",
    )
    assert (shoe.id, shoe.title, shoe.brand) == (
        "gid://shopify/Product/7",
        "Comet Shoe",
        "Wild Fox",
    )
    assert shoe.description == "Description of 7."
    assert shoe.category == "Footwear"
    assert shoe.price == Money(Decimal("79.50"), "EUR")
    assert shoe.images == ("https://cdn.example/7.jpg",)
    assert shoe.tags == ("running",)
    assert shoe.variants == (
        Variant("gid://shopify/ProductVariant/1", Money(Decimal("89.00"), "EUR"), 3, "9", "Black"),
        Variant("gid://shopify/ProductVariant/2", Money(Decimal("79.50"), "EUR"), 0, "10", "Black"),
    )


@pytest.mark.parametrize(
    ("named", "size", "color"),
    [
        ({"Shoe size": "9", "Colour": "Red"}, "9", "Red"),
        ({"GRÖSSE": "M", "Farbe": "Rot"}, "M", "Rot"),
        ({"Größe (EU)": "42"}, "42", None),
        ({"サイズ": "M", "色": "赤"}, "M", "赤"),
        ({"Title": "Default Title"}, None, None),
        ({"Size": "M", "Material": "Wool"}, "M", "Wool"),
        ({"Color": "Red", "Length": "90 cm"}, "90 cm", "Red"),
        ({"Material": "Wool", "Length": "90 cm"}, "Wool / 90 cm", None),
        ({"Size": "M", "Color": "Red", "Fit": "Slim"}, "M", "Red"),
        ({"Size": "M", "Size of box": "L"}, "M", "L"),
        ({"Resizeable": "yes"}, "yes", None),
        ({}, None, None),
    ],
)
def test_options_are_sizes_colours_or_take_the_free_place(
    named: dict[str, str], size: str | None, color: str | None
) -> None:
    only = mapped(variant(1) | {"selectedOptions": options(**named)}).variants[0]
    assert (only.size, only.color) == (size, color)


def test_other_options_can_be_searched_for() -> None:
    slim = mapped(variant(1, options=options(Size="M", Color="Red", Fit="Slim")))
    assert "Slim" in slim.tags


@pytest.mark.parametrize(
    ("fields", "stock"),
    [
        ({"stock": 4}, 4),
        ({"stock": 0}, 0),
        ({"stock": -3}, 0),
        ({"stock": 4, "availableForSale": False}, 0),
        ({"stock": -3, "availableForSale": True, "inventoryPolicy": "CONTINUE"}, UNCOUNTED_STOCK),
        ({"stock": 0, "availableForSale": True}, UNCOUNTED_STOCK),
        ({"stock": None}, 0),
    ],
)
def test_stock_is_what_can_be_bought(fields: dict[str, Any], stock: int) -> None:
    assert mapped(variant(1, **fields)).variants[0].stock == stock


def test_what_is_not_counted_can_always_be_bought() -> None:
    uncounted = mapped(variant(1, stock=0, availableForSale=True), tracksInventory=False)
    assert uncounted.variants[0].stock == UNCOUNTED_STOCK


@pytest.mark.parametrize("price", [None, "", "free", "NaN", "Infinity", "-1.00", {}, "9" * 30])
def test_a_variant_without_a_price_can_not_be_bought(price: Any) -> None:
    odd = mapped(variant(1, price), variant(2, "5.00"))
    assert [each.id for each in odd.variants] == ["gid://shopify/ProductVariant/2"]
    assert mapped(variant(1, price)).price is None


def test_a_product_may_lack_nearly_everything() -> None:
    bare = Mapper("shopify:test", "USD").product({"id": "gid://shopify/Product/1"})
    assert bare is not None
    assert (bare.title, bare.category, bare.brand, bare.description) == ("", "", "", "")
    assert (bare.price, bare.variants, bare.images) == (None, (), ())


def test_a_category_is_the_shops_own_else_shopifys() -> None:
    assert mapped(productType="").category == "Shoes"
    assert mapped(productType=" ", category=None).category == ""
    assert mapped(productType="", category={"name": "Uncategorized"}).category == ""


def test_odd_products_are_passed_over_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    mapper = Mapper("shopify:test", "USD")
    with caplog.at_level(logging.WARNING):
        found = mapper.products([None, 3, {}, {"id": 7}, nodes(product(1, variants=[{}, {}]))])
    assert [each.id for each in found] == ["gid://shopify/Product/1"]
    assert len(caplog.records) == 2


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["nodes", "name", "value", "preview", "image", "url", "id", "price"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@given(
    st.fixed_dictionaries(
        {"id": st.just("gid://shopify/Product/1")},
        optional=dict.fromkeys(
            ["title", "descriptionHtml", "productType", "tags", "category", "featuredMedia",
             "variants", "vendor", "tracksInventory"], JSON,
        ),
    )
)  # fmt: skip
def test_any_json_is_a_product_of_some_kind(node: dict[str, Any]) -> None:
    assert Mapper("shopify:test", "USD").product(node) is not None


def test_policies_are_plain_and_have_topics() -> None:
    found = policies(
        [
            {
                "type": "REFUND_POLICY",
                "title": "Refunds",
                "body": "<p>30 days</p>",
                "url": "https://x",
            },
            {"type": "SHIPPING_POLICY", "title": "", "body": "Free.", "url": None},
            {"type": "NEW_KIND", "title": "New", "body": "x"},
            {"type": "PRIVACY_POLICY", "title": "Privacy", "body": "<p></p>"},
            None,
            {"body": "y"},
        ]
    )
    assert found == (
        Policy("returns", "Refunds", "30 days.", "https://x"),
        Policy("shipping", "Shipping", "Free."),
        Policy("new", "New", "x."),
        Policy("other", "Other", "y."),
    )
    assert policies(None) == ()


def test_the_last_page_has_no_next() -> None:
    assert next_cursor({"pageInfo": {"hasNextPage": True, "endCursor": "c"}}) == "c"
    for last in (None, {}, {"pageInfo": {"hasNextPage": False, "endCursor": "c"}},
                 {"pageInfo": {"hasNextPage": True, "endCursor": None}}):  # fmt: skip
        assert next_cursor(last) is None
