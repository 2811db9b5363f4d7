from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from clocks import ManualClock
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.overdue import Overdue, Waits
from greenroom.sessions.reap import LOOK_AGAIN_AFTER, end_overdue, find_overdue
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store
from greenroom.sessions.upkeep import INTERVAL, NODE_LOST_AFTER

MakeService = Callable[..., Awaitable[SessionService]]


async def test_a_node_that_gives_a_sign_of_life_after_all_keeps_its_sessions(
    make_service: MakeService, clock: ManualClock, store: Store
) -> None:
    lost, alive = await make_service("lost", clock=clock), await make_service("alive", clock=clock)
    sessions = []
    for service in (lost, alive):
        session = await service.create(api="commerce", tenant="shop", settings={})
        sessions.append(await service.start(session.id))
        service.hold(session.id, lambda reason: None)
    # The database was away so long.
    clock.advance(NODE_LOST_AFTER + 1)
    finding = asyncio.create_task(find_overdue(store, Waits(), clock))
    await clock.wait_for_sleeper()
    alive.start_background()
    await asyncio.sleep(0)
    await clock.let_pass(INTERVAL)
    clock.advance(LOOK_AGAIN_AFTER - INTERVAL)
    [found] = await finding
    assert found == Overdue(
        sessions[0].id, Status.FAILED, EndReason.NODE_LOST, sessions[0].started_at, "lost"
    )


async def test_only_what_still_is_overdue_is_ended(
    make_service: MakeService, clock: ManualClock, store: Store
) -> None:
    service = await make_service(clock=clock)
    made = (service.create(api="commerce", tenant="shop", settings={}) for _ in range(101))
    ids = [session.id for session in await asyncio.gather(*made)]
    clock.advance(61)
    found = await find_overdue(store, Waits(60), clock)
    assert sorted(one.session_id for one in found) == sorted(ids)
    await service.start(ids[0])
    ended = await end_overdue(store, found, clock)
    assert {session.id for session in ended} == set(ids[1:])
    assert ended[0].ended_at == ended[0].created_at + timedelta(seconds=61)
    rest = [one for one in found if one.session_id != ids[0]]
    assert await end_overdue(store, rest, clock) == ended, "as they have ended before"
    assert (await service.get(ids[0])).status is Status.ACTIVE
