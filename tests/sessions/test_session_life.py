from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from greenroom.errors import GreenroomError, ProviderFailed, SessionEnded
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.life import Ended, SessionLife
from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.service import SessionService
from greenroom.testing.clock import ManualClock as Timers

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

STOPPED = Ended(Status.STOPPED, EndReason.CLIENT_STOPPED, "as you wish")


class Life:
    """A started session, and what its life comes to."""

    def __init__(self, service: SessionService, session: Session) -> None:
        self.session = session
        self.timers = Timers()
        self.it = SessionLife(service, session.id, self.timers, what="puppet")
        self.wound_up: list[Ended | None] = []

    async def live(self, course: Callable[[], Awaitable[object]]) -> Session | None:
        recorded: list[Session | None] = []

        async def wind_up(ended: Ended | None) -> None:
            self.wound_up.append(ended)
            recorded.append(await self.it.record(ended))
            self.it.let_go()

        await self.it.live(course, wind_up)
        return recorded[0]


@pytest.fixture
async def life(service: SessionService) -> Life:
    session = await service.create(api="avatar", tenant="t", settings={})
    return Life(service, await service.start(session.id))


async def test_a_session_lives_until_it_is_told_how_it_ends_and_that_once(
    life: Life, service: SessionService
) -> None:
    living = asyncio.create_task(life.live(life.it.wait_ending))
    life.it.require_live()
    life.it.end(STOPPED)
    life.it.end(Ended(Status.FAILED, EndReason.AGENT_FAILED))
    assert life.it.ending
    with pytest.raises(SessionEnded, match="client_stopped"):
        life.it.require_live()
    recorded = await living
    assert recorded is not None
    assert recorded.end_reason is EndReason.CLIENT_STOPPED
    assert life.wound_up == [STOPPED]
    assert life.it.gone.is_set()
    assert not await service.request_stop(life.it.id, EndReason.DRAINED), "it is held no more"


async def test_it_is_stopped_from_outside(life: Life, service: SessionService) -> None:
    await service.request_stop(life.it.id, EndReason.CLIENT_STOPPED)
    await life.live(life.it.wait_ending)
    assert life.wound_up == [Ended(Status.STOPPED, EndReason.CLIENT_STOPPED)]


async def test_one_that_another_node_has_taken_is_let_go_of_but_not_ended(
    life: Life, service: SessionService
) -> None:
    await service.request_stop(life.it.id, EndReason.REPLACED)
    with pytest.raises(SessionEnded, match="replaced"):
        life.it.require_live()
    assert await life.live(life.it.wait_ending) is None
    assert life.wound_up == [None]
    assert (await service.get(life.it.id)).status is Status.ACTIVE


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (ProviderFailed("avatar", "no face"), "no face"),
        (StorageUnavailable("away"), "storage unavailable: away"),
    ],
)
async def test_what_its_course_fails_with_is_how_it_ends(
    life: Life, error: GreenroomError, why: str
) -> None:
    async def fail() -> None:
        raise error

    await life.live(fail)
    assert life.wound_up == [Ended(Status.FAILED, EndReason.AGENT_FAILED, why)]
    assert life.it.failure is error


async def test_a_defect_ends_it_and_is_logged_but_not_shown(
    life: Life, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise RuntimeError("secret")

    await life.live(fail)
    assert life.wound_up == [Ended(Status.FAILED, EndReason.AGENT_FAILED, "internal error")]
    assert "secret" in caplog.text
    assert isinstance(life.it.failure, ProviderFailed)
    assert "secret" not in str(life.it.failure)


async def test_one_that_is_cancelled_has_drained_and_is_wound_up(life: Life) -> None:
    waits = asyncio.Event()

    async def course() -> None:
        waits.set()
        await life.it.wait_ending()

    living = asyncio.create_task(life.live(course))
    await waits.wait()
    living.cancel()
    with pytest.raises(asyncio.CancelledError):
        await living
    assert life.wound_up == [Ended(Status.STOPPED, EndReason.DRAINED)]
    assert life.it.gone.is_set()


async def test_work_is_cancelled_when_it_ends_and_its_error_is_then_of_no_account(
    life: Life,
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise RuntimeError("while it was being cancelled")

    working = asyncio.create_task(life.it.unless_ending(work()))
    await begun.wait()
    life.it.end(STOPPED)
    await working


async def test_work_that_fails_before_says_so(life: Life) -> None:
    async def work() -> None:
        raise ProviderFailed("model", "away")

    with pytest.raises(ProviderFailed):
        await life.it.unless_ending(work())


async def test_a_timer_takes_the_place_of_the_one_of_its_name_and_is_never_called_at_the_end(
    life: Life,
) -> None:
    called: list[str] = []
    life.it.after("grace", 5, lambda: called.append("first"))
    life.it.after("grace", 10, lambda: called.append("second"))
    life.it.after("idle", 10, lambda: called.append("idle"))
    life.it.cancel("idle")
    life.it.cancel("idle")
    life.timers.advance(9)
    assert called == []
    life.timers.advance(1)
    assert called == ["second"]
    life.it.after("longest", 1, lambda: called.append("longest"))
    life.it.after("overdue", -1, lambda: called.append("overdue"))
    life.timers.advance(0)
    assert called == ["second", "overdue"]
    life.it.end(STOPPED)
    life.it.after("late", 1, lambda: called.append("late"))
    await life.live(life.it.wait_ending)
    life.timers.advance(10)
    assert called == ["second", "overdue"]
    assert life.timers.pending == 0


async def test_how_it_has_ended_is_told_as_recorded_or_else_as_it_was_meant(
    life: Life, service: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> Session:
        raise StorageUnavailable("away")

    with monkeypatch.context() as patch:
        patch.setattr(service, "end", away)
        assert await life.it.record(STOPPED) is None
    assert Ended.of(None, STOPPED) == STOPPED
    assert Ended.of(None, None) is None
    session = await life.it.record(STOPPED)
    assert Ended.of(session, STOPPED) == STOPPED
    # Another has ended it before.
    late = Ended(Status.FAILED, EndReason.AGENT_FAILED, "too late")
    assert Ended.of(await life.it.record(late), late) == Ended(STOPPED.status, STOPPED.reason)
    assert Ended.of(await life.it.record(None), None) == Ended(STOPPED.status, STOPPED.reason)
    life.it.let_go()
