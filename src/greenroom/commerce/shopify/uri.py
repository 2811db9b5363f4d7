"""What the setting `providers.catalogue` says of a Shopify shop, and the key to it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from greenroom.commerce.shopify.queries import API_VERSION
from greenroom.errors import ConfigurationError

TOKEN = "SHOPIFY_ACCESS_TOKEN"  # noqa: S105 - a name
MAX_REFRESH = 300.0
"""Seconds; what is said of stock and prices is never older."""

_HOST = re.compile(r"[a-z0-9][a-z0-9-]{0,61}\.myshopify\.com")
_VERSION = re.compile(r"20[2-9][0-9]-(?:01|04|07|10)|unstable")


@dataclass(frozen=True, slots=True)
class ShopifyUri:
    """`shopify:<shop>.myshopify.com?api_version=2026-10&refresh=300&base_url=http://127.0.0.1:1`.

    `refresh` is in seconds. `base_url` is where the API is reached: a proxy, or a test's server.
    """

    uri: str
    host: str
    api_version: str = API_VERSION
    refresh: float = MAX_REFRESH
    base_url: str = ""

    @property
    def endpoint(self) -> str:
        """The URL of the GraphQL API."""
        base = self.base_url or f"https://{self.host}"
        return f"{base.rstrip('/')}/admin/api/{self.api_version}/graphql.json"

    @classmethod
    def parse(cls, uri: str) -> ShopifyUri:
        """Raises ConfigurationError where `uri` does not fit."""
        address, _, query = uri.partition("?")
        host = address.removeprefix("shopify:").casefold()
        if not address.startswith("shopify:") or _HOST.fullmatch(host) is None:
            raise _wrong(f"{uri[:200]!r} names no shop: write `shopify:<shop>.myshopify.com`")
        options = dict(parse_qsl(query, keep_blank_values=True))
        if unknown := sorted(options.keys() - {"api_version", "refresh", "base_url"}):
            raise _wrong(
                f"no option {unknown[0][:40]!r}; there are api_version, refresh and base_url"
            )
        version = options.get("api_version", API_VERSION)
        if _VERSION.fullmatch(version) is None:
            raise _wrong(f"api_version is {version[:40]!r}: write one such as {API_VERSION}")
        return cls(
            uri, host, version, _refresh(options.get("refresh")), _base(options.get("base_url", ""))
        )


def access_token(secret: Callable[[str], str | None]) -> str:
    """The key of the app. Raises ConfigurationError where it is missing or can't be one."""
    token = (secret(TOKEN) or "").strip()
    if not token:
        raise ConfigurationError(
            f"providers.keys.{TOKEN}",
            "missing: set it, or the environment variable of this name, to the Admin API access"
            " token of an app that is installed in the shop of providers.catalogue, with the"
            " scopes read_products and read_legal_policies",
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ConfigurationError(f"providers.keys.{TOKEN}", "not an access token: `shpat_...`")
    return token


def _refresh(text: str | None) -> float:
    try:
        refresh = float(text) if text is not None else MAX_REFRESH
    except ValueError:
        refresh = -1.0
    if not 5.0 <= refresh <= MAX_REFRESH:
        raise _wrong(f"refresh is {str(text)[:40]!r}: write seconds from 5 to {MAX_REFRESH:g}")
    return refresh


def _base(url: str) -> str:
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        local = parts.scheme == "http" and _is_loopback(parts.hostname or "")
        fits = bool(parts.hostname) and (local or parts.scheme == "https")
        fits = fits and not parts.query and parts.username is None
    except ValueError:
        fits = False
    if not fits:
        # The access token goes there: never in the open over a network.
        raise _wrong("base_url must be https://host, or http:// and an address of this machine")
    return url


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong(problem: str) -> ConfigurationError:
    return ConfigurationError("providers.catalogue", problem)
