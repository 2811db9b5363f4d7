from __future__ import annotations

import asyncio
import logging

import pytest

from greenroom.errors import ConfigurationError, ProviderFailed
from greenroom.providers.members import Members
from greenroom.testing import ManualClock


class Engine:
    """Warms up as its list says: an exception is raised, an event waited for."""

    def __init__(self, uri: str, *warmings: Exception | asyncio.Event) -> None:
        self.uri = uri
        self.warmings = list(warmings)
        self.warmed = 0
        self.closed = 0
        self.close_error: Exception | None = None

    async def warm_up(self) -> None:
        self.warmed += 1
        step = self.warmings.pop(0) if self.warmings else None
        if isinstance(step, asyncio.Event):
            await step.wait()
        elif step is not None:
            raise step

    async def close(self) -> None:
        self.closed += 1
        if self.close_error is not None:
            raise self.close_error


def members_of(clock: ManualClock, *engines: Engine) -> Members[Engine]:
    return Members("synthesizer", engines, retries=0, recovery_interval=20, clock=clock)


def offered(members: Members[Engine]) -> list[int]:
    places = []
    for attempt in members.attempts():
        places.append(attempt.member)
        attempt.release()
    return places


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_members_are_warmed_at_the_same_time() -> None:
    gate = asyncio.Event()
    engines = Engine("a:", gate), Engine("b:", gate)
    members = members_of(ManualClock(), *engines)
    task = asyncio.create_task(members.warm_up())
    await settle()
    assert [engine.warmed for engine in engines] == [1, 1]
    gate.set()
    await task
    assert offered(members) == [0, 1]
    await members.close()
    assert [engine.closed for engine in engines] == [1, 1]


async def test_a_cloud_that_is_down_at_the_start_rests_and_is_warmed_behind_the_calls(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    clock = ManualClock()
    cloud = Engine("cloud:", ProviderFailed("cloud:", "refused"), ProviderFailed("cloud:", "no"))
    members = members_of(clock, cloud, Engine("local:"))
    await members.warm_up()
    assert caplog.messages == ["synthesizer cloud: failed: refused; it rests for 20 s"]
    assert [member.serving for member in members.snapshot()] == [False, True]
    assert offered(members) == [1]
    clock.advance(20)
    assert offered(members) == [1], "calls don't wait for it"
    await settle()
    assert (cloud.warmed, members.snapshot()[0].retry_in) == (2, 40)
    clock.advance(40)
    assert offered(members) == [1]
    assert offered(members) == [1], "it is being warmed already"
    await settle()
    assert cloud.warmed == 3
    assert offered(members) == [0, 1]
    await members.close()


async def test_none_that_can_be_warmed_fails_the_start() -> None:
    down = [ProviderFailed(uri, "refused") for uri in ("a:", "b:")]
    members = members_of(ManualClock(), Engine("a:", down[0]), Engine("b:", down[1]))
    with pytest.raises(ProviderFailed, match=r"a:: refused; b:: refused"):
        await members.warm_up()
    await members.warm_up()
    assert offered(members) == [0, 1]
    await members.close()


async def test_a_wrong_setting_of_any_member_fails_the_start() -> None:
    wrong = ConfigurationError("providers.synthesizer", "no OPENAI_API_KEY")
    members = members_of(ManualClock(), Engine("local:"), Engine("cloud:", wrong))
    with pytest.raises(ConfigurationError, match="OPENAI_API_KEY"):
        await members.warm_up()
    await members.close()


async def test_a_defect_of_one_member_is_as_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    members = members_of(ManualClock(), Engine("a:", ZeroDivisionError()), Engine("b:"))
    await members.warm_up()
    assert members.snapshot()[0].why == "unexpected ZeroDivisionError"
    assert "could not be warmed up" in caplog.text
    await members.close()


async def test_a_setting_that_is_wrong_later_is_tried_again() -> None:
    clock = ManualClock()
    cloud = Engine("a:", ProviderFailed("a:", "no"), ConfigurationError("providers.x", "gone"))
    members = members_of(clock, cloud, Engine("b:"))
    await members.warm_up()
    clock.advance(20)
    offered(members)
    await settle()
    assert members.snapshot()[0].why == "gone"
    await members.close()


async def test_closing_ends_a_warming_up_and_every_member() -> None:
    clock = ManualClock()
    cloud = Engine("a:", ProviderFailed("a:", "no"), asyncio.Event())
    local = Engine("b:")
    local.close_error = OSError("stuck")
    members = members_of(clock, cloud, local, last := Engine("c:"))
    await members.warm_up()
    clock.advance(20)
    offered(members)
    await settle()
    with pytest.raises(OSError, match="stuck"):
        await members.close()
    assert (cloud.warmed, cloud.closed, last.closed) == (2, 1, 1)


def test_a_chain_has_a_member() -> None:
    with pytest.raises(ValueError, match="at least one"):
        members_of(ManualClock())
