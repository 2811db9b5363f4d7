"""Reads the URIs that name providers: `scheme:<name>?option=value&option=value`.

Strict, so that a slip of the pen is an error at start and not a setting without effect. Values are
percent-encoded where they must be: `%2C` for a comma in a list of URIs, `%26` for `&`, `+` or `%20`
for a space. Messages name the option and never repeat its value, which might be a key by mistake.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from greenroom.errors import ConfigurationError

_MAX_OPTIONS = 32


@dataclass(frozen=True, slots=True)
class ProviderUri:
    """One URI, taken apart. Every method raises ConfigurationError where a value does not fit."""

    setting: str
    """The dotted name of the setting that holds it (`providers.transcriber`)."""
    scheme: str
    name: str
    """All between the scheme and the options, decoded (`whisper-1`, `deepgram/nova-3`); or ""."""
    options: Mapping[str, str] = field(repr=False)

    @property
    def place(self) -> str:
        """The URI without its options: fit for messages."""
        return f"{self.scheme}:{self.name}"

    def text(self, option: str, default: str = "") -> str:
        """The value as it is; it must not be empty where it is given."""
        value = self.options.get(option)
        if value == "":
            raise self.wrong(option, "a value")
        return default if value is None else value

    def number(self, option: str, default: float, low: float, high: float) -> float:
        """A number from `low` to `high`, both allowed."""
        if option not in self.options:
            return default
        try:
            value = float(self.options[option])
        except ValueError:
            value = math.nan
        if not low <= value <= high:
            raise self.wrong(option, f"a number from {low:g} to {high:g}")
        return value

    def whole(self, option: str, default: int, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both allowed."""
        value = self.number(option, default, low, high)
        if value != int(value):
            raise self.wrong(option, f"a whole number from {low} to {high}")
        return int(value)

    def choice(self, option: str, default: str, allowed: Collection[str]) -> str:
        """One of the words `allowed`."""
        value = self.options.get(option, default)
        if value not in allowed:
            raise self.wrong(option, f"one of {', '.join(allowed)}")
        return value

    def flag(self, option: str, *, default: bool) -> bool:
        """`true` or `false`."""
        return self.choice(option, str(default).lower(), ("true", "false")) == "true"

    def pairs(self, option: str) -> dict[str, str]:
        """A map, written `Ashley:nova,Craig:onyx`; empty where the option is not given."""
        if option not in self.options:
            return {}
        pairs: dict[str, str] = {}
        for part in self.options[option].split(","):
            left, colon, right = (word.strip() for word in part.partition(":"))
            if not (left and colon and right) or left in pairs:
                raise self.wrong(option, "pairs such as Ashley:nova,Craig:onyx, each name once")
            pairs[left] = right
        return pairs

    def http_url(self, option: str, default: str) -> str:
        """An http or https URL without user, password, query and final slash."""
        value = self.options.get(option, default)
        try:
            parts = urlsplit(value)
            parts.port  # noqa: B018 - raises for a port that is none
        except ValueError:
            parts = urlsplit("")
        fits = parts.scheme in {"http", "https"} and parts.hostname and "@" not in parts.netloc
        if not fits or parts.query or parts.fragment:
            raise self.wrong(option, "a URL such as https://speech.example/v1, without a password")
        return value.rstrip("/")

    def wrong(self, option: str, allowed: str) -> ConfigurationError:
        """The error for an option whose value does not fit."""
        return ConfigurationError(
            self.setting, f"{self.place}: option {option!r} does not fit; allowed: {allowed}"
        )


def parse_provider_uri(setting: str, uri: str, options: Collection[str]) -> ProviderUri:
    """Take `uri` apart. `options` are the names of those that the provider knows.

    Raises ConfigurationError, which names `setting`, for an option that is unknown, repeated or
    without `=`, and for a name with spaces or control characters.
    """
    head, _, query = uri.partition("?")
    scheme, _, name = head.partition(":")
    name = unquote(name)
    known = f"allowed: {', '.join(sorted(options)) or 'none'}"
    if not name.isprintable() or " " in name:
        raise ConfigurationError(setting, f"{scheme}: the name has spaces or control characters")
    try:
        given = parse_qsl(
            query, keep_blank_values=True, strict_parsing=True, max_num_fields=_MAX_OPTIONS
        )
    except ValueError:
        raise ConfigurationError(
            setting, f"{scheme}:{name}: options are written ?option=value&option=value; {known}"
        ) from None
    found: dict[str, str] = {}
    for option, value in given:
        if option not in options:
            raise ConfigurationError(setting, f"{scheme}:{name}: no option {option!r}; {known}")
        if option in found:
            raise ConfigurationError(setting, f"{scheme}:{name}: option {option!r} is given twice")
        found[option] = value
    return ProviderUri(setting, scheme, name, found)
