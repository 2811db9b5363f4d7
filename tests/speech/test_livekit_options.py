from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, Optional, Union

import pytest

from greenroom.errors import ProviderUnavailable
from greenroom.speech.livekit_options import Constructor

if TYPE_CHECKING:
    from fractions import Fraction as OnlyForCheckers


class Mode(Enum):
    FAST = "fast"
    SLOW = "slow"


class Plugin:
    def __init__(
        self,
        *,
        model: Literal["a", "b"] | str = "a",
        size: Literal[8, 16] = 16,
        rate: int = 16_000,
        speed: float | None = None,
        pace: Literal["slow"] | float | None = None,
        loud: bool = False,
        mode: Mode = Mode.FAST,
        terms: str | list[str] = "",
        names: Optional[list[str]] = None,  # noqa: UP045
        numbers: Union[Sequence[int], None] = None,  # noqa: UP007
        pairs: list[tuple[str, float]] | None = None,
        session: object = None,
        hidden: OnlyForCheckers | None = None,
        hidden_rate: OnlyForCheckers = 3,  # type: ignore[assignment]
        api_key: str = "",
        **rest: Any,
    ) -> None: ...


def converted(**given: str) -> dict[str, Any]:
    return Constructor(Plugin).convert("providers.x", "livekit:x", given)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("model", "a", "a"),
        ("model", "another", "another"),
        ("size", "8", 8),
        ("rate", "8000", 8_000),
        ("speed", "1", 1.0),
        ("pace", "0.5", 0.5),
        ("pace", "slow", "slow"),
        ("loud", "true", True),
        ("mode", "slow", Mode.SLOW),
        ("terms", "one", "one"),
        ("terms", "one, two", ["one", "two"]),
        ("names", "one", ["one"]),
        ("numbers", "1,2", [1, 2]),
        ("hidden", "text", "text"),
        ("hidden_rate", "4", 4),
    ],
)
def test_an_option_gets_the_type_that_is_declared(name: str, text: str, value: object) -> None:
    (got,) = converted(**{name: text}).values()
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "allowed"),
    [
        ("size", "9", "8, 16"),
        ("rate", "fast", "a whole number"),
        ("rate", "1.5", "a whole number"),
        ("speed", "fast", "a number"),
        ("pace", "fast", "slow or a number"),
        ("loud", "yes", "true or false"),
        ("mode", "medium", "fast, slow"),
        ("numbers", "1,x", "a whole number"),
    ],
)
def test_a_value_that_does_not_fit_is_told_with_what_would(
    name: str, text: str, allowed: str
) -> None:
    with pytest.raises(ProviderUnavailable, match=rf"providers\.x.*'{name}'.*{allowed}") as caught:
        converted(**{name: text})
    assert repr(text) not in str(caught.value)


@pytest.mark.parametrize("name", ["pairs", "session", "api_key", "rest", "self", "nonsense"])
def test_what_no_text_can_be_is_refused_with_what_can(name: str) -> None:
    with pytest.raises(ProviderUnavailable, match=rf"no option '{name}'; allowed: hidden,.*loud"):
        converted(**{name: "x"})


def test_what_a_constructor_takes_is_known() -> None:
    constructor = Constructor(Plugin)
    assert constructor.takes("api_key")
    assert not constructor.takes("rest")
    assert constructor.default("rate") == 16_000
    assert constructor.default("nonsense") is None
