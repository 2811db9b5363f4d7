from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.commerce.ports import CatalogueContext
from greenroom.commerce.shopify.catalogue import create
from greenroom.commerce.shopify.uri import ShopifyUri
from greenroom.errors import ConfigurationError

SHOP = "shopify:wild-fox.myshopify.com"


def context(token: str | None) -> CatalogueContext:
    return CatalogueContext(Path(), {"SHOPIFY_ACCESS_TOKEN": token}.get)


def test_a_shop_is_named_by_its_host() -> None:
    parsed = ShopifyUri.parse("shopify:Wild-Fox.myshopify.com")
    assert parsed.endpoint == "https://wild-fox.myshopify.com/admin/api/2026-10/graphql.json"
    assert parsed.refresh == 300


def test_version_refresh_and_address_can_be_chosen() -> None:
    parsed = ShopifyUri.parse(
        SHOP + "?api_version=2027-01&refresh=60&base_url=http%3A%2F%2F127.0.0.1%3A8080%2F"
    )
    assert parsed.endpoint == "http://127.0.0.1:8080/admin/api/2027-01/graphql.json"
    assert parsed.refresh == 60
    proxied = ShopifyUri.parse(SHOP + "?base_url=https://proxy.example/shop")
    assert proxied.endpoint == "https://proxy.example/shop/admin/api/2026-10/graphql.json"


@pytest.mark.parametrize(
    ("uri", "hint"),
    [
        ("shopify:", "myshopify.com"),
        ("shopify:shop.example", "myshopify.com"),
        ("shopify://wild-fox.myshopify.com", "myshopify.com"),
        ("shopify:evil.example/.myshopify.com", "myshopify.com"),
        ("demo:wild-fox.myshopify.com", "myshopify.com"),
        (SHOP + "?refresh=3600", "5 to 300"),
        (SHOP + "?refresh=nan", "5 to 300"),
        (SHOP + "?refresh=soon", "5 to 300"),
        (SHOP + "?api_version=2026-11", "2026-10"),
        (SHOP + "?token=x", "api_version"),
        (SHOP + "?base_url=http://shop.example", "https://"),
        (SHOP + "?base_url=https://user:secret@proxy.example", "https://"),
        (SHOP + "?base_url=ftp://127.0.0.1", "https://"),
        (SHOP + "?base_url=http://[", "https://"),
        (SHOP + "?base_url=https://", "https://"),
    ],
)
def test_what_does_not_fit_is_refused_with_what_would(uri: str, hint: str) -> None:
    with pytest.raises(ConfigurationError) as error:
        create(uri, context("shpat_x"))
    assert error.value.setting == "providers.catalogue"
    assert hint in error.value.problem


@pytest.mark.parametrize("token", [None, "", "  ", "shpat two", "shpat_\nx", "shpat_é"])
def test_a_missing_or_impossible_key_is_refused_by_name(token: str | None) -> None:
    with pytest.raises(ConfigurationError, match="SHOPIFY_ACCESS_TOKEN") as error:
        create(SHOP, context(token))
    assert not (token or "").strip() or str(token) not in str(error.value)


async def test_making_a_catalogue_asks_nobody() -> None:
    catalogue = create(SHOP, context("shpat_x"))
    assert catalogue.uri == SHOP
    await catalogue.close()
    await catalogue.close()
