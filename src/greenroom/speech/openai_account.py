"""Where requests to a server with OpenAI's HTTP API go, and which key they show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import httpx

from greenroom.errors import ConfigurationError, ProviderUnavailable
from greenroom.speech.ports import ProviderContext
from greenroom.speech.provider_uri import ProviderUri

OPENAI = "https://api.openai.com/v1"
ACCOUNT_OPTIONS = ("base_url", "key")
"""Options of a provider URI that are read here."""
NO_KEY = "none"
_BASE_URL = "OPENAI_BASE_URL"
"""The variable by which OpenAI's own packages, too, are sent to another server."""


@dataclass(frozen=True, slots=True)
class Account:
    """A server and the key for it; no key where the server asks for none."""

    base_url: str
    key_name: str
    """The variable that holds the key."""
    key: str | None = field(repr=False)

    @property
    def host(self) -> str:
        """The server's name."""
        return httpx.URL(self.base_url).host

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI itself, not another server that speaks its API."""
        return self.base_url == OPENAI


def read_account(uri: ProviderUri, context: ProviderContext) -> Account:
    """The options `base_url` and `key`. Raises ConfigurationError, ProviderUnavailable."""
    base_url = _read_base_url(uri, context.secret(_BASE_URL))
    name = uri.text("key", "OPENAI_API_KEY")
    if name == NO_KEY:
        return Account(base_url, name, None)
    if not re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", name):
        raise uri.wrong("key", f"the name of the variable that holds the key; or {NO_KEY}")
    key = (context.secret(name) or "").strip()
    if not key:
        raise ProviderUnavailable(
            uri.setting,
            f"{uri.place}: there is no key: set {name} in the environment or under "
            f"[providers.keys]; for a server without keys add key={NO_KEY} to the URI",
        )
    if not (key.isascii() and key.isprintable()):
        raise ProviderUnavailable(uri.setting, f"{uri.place}: what {name} holds can't be a key")
    return Account(base_url, name, key)


def _read_base_url(uri: ProviderUri, named: str | None) -> str:
    try:
        return uri.http_url("base_url", named or OPENAI)
    except ConfigurationError:
        if "base_url" in uri.options:
            raise
    raise ConfigurationError(
        uri.setting, f"{uri.place}: what {_BASE_URL} holds is no URL such as {OPENAI}"
    )


def read_model(uri: ProviderUri, account: Account, default: str) -> str:
    """The model that the URI names; OpenAI has a default. Raises ProviderUnavailable."""
    if uri.name:
        return uri.name
    if not account.is_openai:
        raise ProviderUnavailable(
            uri.setting, f"{uri.place} names no model of {account.host}: {uri.scheme}:<model>"
        )
    return default
