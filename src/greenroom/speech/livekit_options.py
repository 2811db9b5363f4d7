"""Gives the options of a URI to a LiveKit plugin's constructor, in the types that it declares."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from greenroom.errors import ProviderUnavailable

_SIMPLE = (bool, int, float, str)
_FLAGS = {"true": True, "false": False}
_OURS = {"api_key", "http_session"}
"""Parameters that Greenroom fills itself."""


class Constructor:
    """What the constructor of a plugin's class takes."""

    def __init__(self, made: type) -> None:
        self._made = made
        function: Callable[..., None] = made.__init__  # type: ignore[misc]
        self._parameters = {
            name: parameter
            for name, parameter in inspect.signature(function).parameters.items()
            if name != "self" and parameter.kind is not inspect.Parameter.VAR_KEYWORD
        }
        self._types = {
            name: _types(hint)
            for name, hint in _hints(made, function).items()
            if name in self._parameters
        }

    def takes(self, name: str) -> bool:
        """Whether there is such a parameter."""
        return name in self._parameters

    def default(self, name: str) -> object:
        """The declared default of a parameter; None where there is none."""
        parameter = self._parameters.get(name)
        return None if parameter is None else parameter.default

    def convert(self, setting: str, place: str, given: Mapping[str, str]) -> dict[str, Any]:
        """Keyword arguments for the options of a URI.

        Raises ProviderUnavailable for an unknown option, which lists the known ones, and for a
        value that does not fit; the value is not repeated, it might be a key by mistake.
        """
        arguments: dict[str, Any] = {}
        for name, value in given.items():
            wanted = self._wanted(name)
            if not wanted:
                raise ProviderUnavailable(
                    setting, f"{place}: no option {name!r}; allowed: {', '.join(self._settable())}"
                )
            try:
                arguments[name] = _convert(value, wanted)
            except ValueError as error:
                raise ProviderUnavailable(
                    setting, f"{place}: option {name!r} does not fit; allowed: {error}"
                ) from None
        return arguments

    def _settable(self) -> list[str]:
        return sorted(name for name in self._parameters if self._wanted(name))

    def _wanted(self, name: str) -> tuple[Any, ...]:
        """The types that a text can be made into for this parameter; empty: it can't be set."""
        if name in _OURS or name not in self._parameters:
            return ()
        wanted = self._types.get(name, (Any,))
        if Any in wanted:  # a name that exists for type checkers only: the default tells
            default = self.default(name)
            wanted = (*wanted, type(default) if isinstance(default, _SIMPLE) else str)
        return tuple(kind for kind in wanted if _is_settable(kind))


def _hints(made: type, function: Callable[..., None]) -> dict[str, Any]:
    """The annotations as types; names that the module does not have at run time become Any."""
    from livekit.agents.types import NotGivenOr  # noqa: PLC0415 - heavy, and loaded by now

    module = vars(sys.modules[made.__module__])

    class Names(dict[str, Any]):
        def __missing__(self, name: str) -> object:
            return module.get(name, getattr(types, name, None) or _builtin(name))

    names = Names(NotGivenOr=NotGivenOr)
    try:
        return get_type_hints(function, localns=names)
    except (TypeError, NameError, AttributeError, SyntaxError):
        return {}  # then the defaults tell


def _builtin(name: str) -> object:
    import builtins  # noqa: PLC0415

    return getattr(builtins, name, Any)


def _types(hint: object) -> tuple[Any, ...]:
    """A union's members, flat; a Literal stays one."""
    if get_origin(hint) in {Union, types.UnionType}:
        return tuple(kind for member in get_args(hint) for kind in _types(member))
    return (hint,)


def _is_settable(kind: object) -> bool:
    if get_origin(kind) in {list, Sequence}:
        return all(item in _SIMPLE for item in _items(kind))
    return (
        kind in _SIMPLE
        or get_origin(kind) is Literal
        or (isinstance(kind, type) and issubclass(kind, Enum))
    )


def _items(kind: object) -> tuple[Any, ...]:
    """What a list holds; a literal counts as text."""
    held = [part for argument in get_args(kind) for part in _types(argument)]
    return tuple(str if get_origin(part) is Literal else part for part in held)


def _convert(text: str, wanted: Sequence[Any]) -> object:
    """`text` as the first of the types that it fits. Raises ValueError, which says what would."""
    lists = [kind for kind in wanted if get_origin(kind) in {list, Sequence}]
    if lists and ("," in text or str not in wanted):
        return [_convert(part.strip(), _items(lists[0])) for part in text.split(",")]
    for kind in sorted(wanted, key=_strictness):
        try:
            return _as(kind, text)
        except ValueError:
            continue
    raise ValueError(" or ".join(dict.fromkeys(map(_named, wanted))))


def _strictness(kind: object) -> int:
    """Numbers are tried before words, and any text last."""
    return _SIMPLE.index(kind) if kind in _SIMPLE else 2


def _as(kind: Any, text: str) -> object:
    if kind is bool:
        if text not in _FLAGS:
            raise ValueError
        return _FLAGS[text]
    if get_origin(kind) is Literal:
        for value in get_args(kind):
            if str(value) == text:
                return value
        raise ValueError
    if get_origin(kind) is not None:
        raise ValueError
    return kind(text)


def _named(kind: Any) -> str:
    if kind is bool:
        return "true or false"
    if get_origin(kind) is Literal:
        return ", ".join(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, Enum):
        return ", ".join(str(member.value) for member in kind)
    return {int: "a whole number", float: "a number"}.get(kind, "words with commas between")
