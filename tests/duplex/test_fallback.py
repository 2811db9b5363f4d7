from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from greenroom.duplex.fallback import FirstThatIsWell
from greenroom.duplex.ports import Persona, TalkListener
from greenroom.errors import CapacityExceeded, GreenroomError, ProviderFailed
from greenroom.sessions.model import Session, Status

SESSION = Session("s", "duplex", "t", Status.ACTIVE, datetime(2026, 1, 2, tzinfo=UTC))


class Model:
    """A DuplexModel whose talks are its name."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self.sick: GreenroomError | None = None
        self.full: GreenroomError | None = None
        self.log: list[str] = []

    async def open(self, *_: Any) -> Any:
        if self.full:
            raise self.full
        return self.uri

    async def warm_up(self) -> None:
        self.log.append("warm")

    async def check(self) -> None:
        if self.sick:
            raise self.sick

    async def close(self) -> None:
        self.log.append("closed")


async def opened(model: FirstThatIsWell) -> Any:
    return await model.open(SESSION, Persona("NATF2.pt"), cast("TalkListener", None), ())


async def test_a_talk_is_had_with_the_first_model_that_is_well() -> None:
    first, second = Model("a:"), Model("b:")
    both = FirstThatIsWell([first, second])
    assert both.uri == "a:, then b:"
    assert await opened(both) == "a:"
    first.sick = ProviderFailed("a", "is gone")
    assert await opened(both) == "b:"
    first.sick, first.full = None, CapacityExceeded("talks", 1)
    assert await opened(both) == "b:"
    second.full = ProviderFailed("b", "is gone too")
    with pytest.raises(ProviderFailed, match="is gone too"):
        await opened(both)


async def test_all_are_warmed_and_closed_and_one_that_is_well_will_do() -> None:
    first, second = Model("a:"), Model("b:")
    both = FirstThatIsWell([first, second])
    await both.warm_up()
    first.sick = ProviderFailed("a", "is gone")
    await both.check()
    second.sick = ProviderFailed("b", "is gone too")
    with pytest.raises(ProviderFailed, match="is gone too"):
        await both.check()
    await both.close()
    assert first.log == second.log == ["warm", "closed"]
