"""Where the server is and who asks: checked once, before anything is sent."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

VOICE_PATH = "/ws/voice/session"

MAX_SECRET = 4_096
"""Characters of an API key or token that the server reads."""

_NOT_IN_BASE = re.compile(r"[?#\\]")
_NOT_PRINTABLE = re.compile(r"[^\x21-\x7e]")


@dataclass(frozen=True, slots=True)
class Address:
    """The base URL, without a slash at its end."""

    base_url: str

    @property
    def voice_url(self) -> str:
        """The WebSocket's URL: ws for http, wss for https."""
        return self.base_url.replace("http", "ws", 1) + VOICE_PATH


@dataclass(frozen=True, slots=True)
class Secret:
    """An API key or token that may be sent in a header; never shown."""

    _value: str = field(repr=False)

    @property
    def bearer(self) -> str:
        """The value of `Authorization`."""
        return f"Bearer {self._value}"


def read_address(base_url: str) -> Address:
    """Check a base URL. Raises ValueError that says what would be right, and no password."""
    if not isinstance(base_url, str):
        raise TypeError(f"base_url must be a str, not {type(base_url).__name__}")
    if _NOT_PRINTABLE.search(base_url):
        raise ValueError("base_url has a space, a control character or one that is not ASCII")
    if found := _NOT_IN_BASE.search(base_url):
        raise ValueError(f"base_url has {found[0]!r}; a right one: http://localhost:8000")
    try:
        url = urlsplit(base_url)
        url.port  # noqa: B018 - it is read when it is asked for
    except ValueError as error:
        raise ValueError("base_url is no URL; a right one: http://localhost:8000") from error
    if problem := _problem(url):
        raise ValueError(f"base_url {problem}; a right one: http://localhost:8000")
    return Address(f"{url.scheme}://{url.netloc}{url.path.rstrip('/')}")


def _problem(url: SplitResult) -> str:
    if url.scheme not in {"http", "https"}:
        return "must begin with http:// or https://"
    if not url.hostname:
        return "names no host"
    if "@" in url.netloc:
        return "must not hold a user or password; the API key is api_key"
    return ""


def read_secret(value: str, name: str) -> Secret:
    """Check an API key or token. Raises ValueError that does not show it."""
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a str, not {type(value).__name__}")
    if not value:
        raise ValueError(f"{name} is empty")
    if len(value) > MAX_SECRET:
        raise ValueError(f"{name} has {len(value)} characters, at most {MAX_SECRET} can be sent")
    if found := _NOT_PRINTABLE.search(value):
        raise ValueError(
            f"{name} has a character that can't be in a header, at position {found.start()}: "
            "only printable ASCII without spaces can"
        )
    return Secret(value)
