"""Reads JSON that came from outside: every value is checked, unknown ones are ignored."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

T = TypeVar("T")


class Unreadable(ValueError):
    """A value is missing or of another type. The message names it, and shows nothing of it."""


class Fields:
    """The values of one JSON object. `where` is its name in messages.

    All methods raise Unreadable; those with `maybe` give None where the value is missing or null.
    """

    __slots__ = ("_values", "_where")

    def __init__(self, values: object, where: str = "the answer") -> None:
        if not isinstance(values, dict):
            raise Unreadable(f"{where} is no JSON object")
        self._values: dict[str, Any] = values
        self._where = where

    def text(self, name: str) -> str:
        """A string."""
        return self._typed(self._values.get(name), str, name)

    def maybe_text(self, name: str) -> str | None:
        """A string, or None."""
        value = self._values.get(name)
        return None if value is None else self._typed(value, str, name)

    def flag(self, name: str) -> bool:
        """True or false."""
        return self._typed(self._values.get(name), bool, name)

    def number(self, name: str) -> float:
        """A finite number."""
        value = self._values.get(name)
        if isinstance(value, float) and math.isfinite(value):
            return value
        try:
            return float(self._typed(value, int, name))
        except OverflowError:
            raise Unreadable(f"{name} of {self._where} is too large") from None

    def whole(self, name: str) -> int:
        """A whole number."""
        return int(self.number(name))

    def maybe_whole(self, name: str) -> int | None:
        """A whole number, or None."""
        return None if self._values.get(name) is None else self.whole(name)

    def decimal(self, name: str) -> Decimal:
        """An amount that is written as a string."""
        try:
            value = Decimal(self.text(name))
        except InvalidOperation:
            raise Unreadable(f"{name} of {self._where} is no amount") from None
        if not value.is_finite():
            raise Unreadable(f"{name} of {self._where} is no amount")
        return value

    def moment(self, name: str) -> datetime:
        """An aware time; one without a zone is UTC."""
        try:
            moment = datetime.fromisoformat(self.text(name))
        except ValueError:
            raise Unreadable(f"{name} of {self._where} is no time") from None
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of strings; missing: none."""
        return tuple(self._typed(each, str, name) for each in self._list(name))

    def objects(self, name: str) -> list[Fields]:
        """A list of objects; missing: none."""
        return [Fields(each, name) for each in self._list(name)]

    def group(self, name: str) -> Fields:
        """An object."""
        return Fields(self._values.get(name), name)

    def maybe_group(self, name: str) -> Fields | None:
        """An object, or None."""
        return None if self._values.get(name) is None else self.group(name)

    def mapping(self, name: str) -> Mapping[str, Any]:
        """An object as it is; missing: empty."""
        return self._typed(self._values.get(name, {}), dict, name)

    def mappings(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """A list of objects as they are; missing: none."""
        return tuple(self._typed(each, dict, name) for each in self._list(name))

    def any(self, name: str) -> Any:
        """Whatever it is; missing: None."""
        return self._values.get(name)

    def rest(self, *known: str) -> Mapping[str, Any]:
        """All values but the known ones."""
        return {name: value for name, value in self._values.items() if name not in known}

    def _list(self, name: str) -> list[Any]:
        value = self._values.get(name)
        return [] if value is None else self._typed(value, list, name)

    def _typed(self, value: object, kind: type[T], name: str) -> T:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value
        if value is None:
            raise Unreadable(f"{self._where} has no {name}")
        raise Unreadable(f"{name} of {self._where} is not of the type {kind.__name__}")
