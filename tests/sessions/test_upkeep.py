from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import delete

from clocks import ManualClock
from greenroom.sessions.control import LocalBus
from greenroom.sessions.errors import StorageUnavailable
from greenroom.sessions.model import EndReason, Session, Status, TranscriptEntry
from greenroom.sessions.node import Node, Place
from greenroom.sessions.operations import Operation
from greenroom.sessions.overdue import Waits
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store
from greenroom.sessions.tables import journal, nodes, sessions
from greenroom.sessions.upkeep import INTERVAL, NODE_LOST_AFTER, TAKEN_UP_WITHIN

MakeService = Callable[..., Awaitable[SessionService]]

on_postgresql = pytest.mark.parametrize("url", ["postgresql"], indirect=True)
shared = pytest.mark.parametrize("shared", [True], indirect=True)
"""On a database that several nodes write to, of either kind."""


async def create(service: SessionService, api: str = "commerce") -> Session:
    return await service.create(api=api, tenant="shop", settings={})


async def active(service: SessionService) -> Session:
    return await service.start((await create(service)).id)


async def test_sessions_that_an_earlier_boot_left_ended_with_their_last_record(
    make_service: MakeService, clock: ManualClock
) -> None:
    before = await make_service("one", "first", clock)
    waiting = await create(before)
    left = await active(before)
    clock.advance(10)
    before.append(left.id, TranscriptEntry("t1", "user", "hello?"))
    last = clock.now()
    await before.close()
    other = await make_service("two", "first", clock)
    elsewhere = await active(other)

    clock.advance(500)
    service = await make_service("one", "second", clock)
    mine = await active(service)
    [lost] = await service.recover()
    assert lost.id == left.id
    assert lost.status is Status.FAILED
    assert lost.end_reason is EndReason.NODE_LOST
    assert lost.ended_at == last
    assert (await service.get(waiting.id)).status is Status.WAITING
    assert (await service.get(mine.id)).status is Status.ACTIVE
    assert (await service.get(elsewhere.id)).status is Status.ACTIVE
    assert await service.recover() == []


async def test_or_with_the_last_sign_of_life_of_that_boot_where_that_is_later(
    make_service: MakeService, clock: ManualClock
) -> None:
    before = await make_service("one", "first", clock)
    left = await active(before)
    before.start_background()
    await clock.wait_for_sleeper()
    for _ in range(3):
        await clock.let_pass(INTERVAL)
    await before.close()
    clock.advance(100)
    # A boot that came no further than this one did is no sign of the session's life.
    await make_service("one", "second", clock)
    clock.advance(100)
    service = await make_service("one", "third", clock)
    [lost] = await service.recover()
    assert lost.started_at is not None
    assert lost.ended_at == lost.started_at + timedelta(seconds=3 * INTERVAL)
    assert await service.get(left.id) == lost


async def test_a_session_that_never_starts_ends(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock, waits=Waits(60))
    old = await create(service)
    started = await active(service)
    service.hold(started.id, lambda reason: None)
    clock.advance(59)
    young = await create(service)
    assert await service.reap() == []
    clock.advance(2)
    [ended] = await service.reap()
    assert ended.id == old.id
    assert ended.status is Status.STOPPED
    assert ended.end_reason is EndReason.NEVER_STARTED
    assert (await service.get(young.id)).status is Status.WAITING


async def test_a_session_that_an_agent_should_have_begun_has_failed_sooner(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock, waits=Waits(60, {"orchestrator": 30}))
    agents, clients = await create(service, "orchestrator"), await create(service)
    clock.advance(31)
    [ended] = await service.reap()
    assert ended.id == agents.id
    assert (ended.status, ended.end_reason) == (Status.FAILED, EndReason.NEVER_STARTED)
    clock.advance(30)
    [ended] = await service.reap()
    assert ended.id == clients.id


async def test_a_session_that_starts_just_then_is_not_ended_as_never_started(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock, waits=Waits(60))
    session = await create(service)
    clock.advance(61)
    [found] = await service._upkeep.find()
    await service.start(session.id)
    assert (await service._end_overdue(found)).status is Status.ACTIVE


async def test_a_session_that_nobody_holds_ends_after_the_grace(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock, reconnect_grace=30)
    session = await active(service)
    release = service.hold(session.id, lambda reason: None)
    clock.advance(1000)
    assert await service.reap() == []
    release()
    clock.advance(29)
    assert await service.reap() == []
    # The client comes back, and leaves again.
    await service.start(session.id)
    release = service.hold(session.id, lambda reason: None)
    clock.advance(29)
    assert await service.reap() == []
    release()
    release()
    clock.advance(31)
    [ended] = await service.reap()
    assert ended.id == session.id
    assert ended.end_reason is EndReason.DISCONNECTED
    assert await service.reap() == []


async def test_a_start_that_is_written_after_its_caller_has_given_up_is_ended_too(
    make_service: MakeService, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await make_service(clock=clock, reconnect_grace=30)
    started, refused = await create(service), await create(service)
    submit = service.journal.submit

    async def write_and_fail(operation: Operation) -> None:
        await submit(operation)
        raise StorageUnavailable("slow")

    async def fail(operation: Operation) -> None:
        raise StorageUnavailable("away")

    for session, does in ((started, write_and_fail), (refused, fail)):
        with monkeypatch.context() as patch:
            patch.setattr(service.journal, "submit", does)
            with pytest.raises(StorageUnavailable):
                await service.start(session.id)
    clock.advance(31)
    [ended] = await service.reap()
    assert ended.id == started.id
    assert (await service.get(refused.id)).status is Status.WAITING


async def test_letting_go_of_a_session_that_has_ended_is_the_end_of_it(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock)
    session = await active(service)
    release = service.hold(session.id, lambda reason: None)
    await service.end(session.id, Status.COMPLETED, EndReason.CLIENT_STOPPED)
    release()
    clock.advance(1000)
    assert await service.reap() == []


async def test_a_session_that_was_deleted_does_not_stop_upkeep(
    make_service: MakeService, clock: ManualClock, store: Store
) -> None:
    service = await make_service(clock=clock)
    session = await active(service)
    await store.write(lambda connection: connection.execute(delete(journal)))
    await store.write(lambda connection: connection.execute(delete(sessions)))
    clock.advance(1000)
    assert await service.reap() == []
    assert not await service.request_stop(session.id, EndReason.DRAINED)


async def test_a_holder_hears_of_an_end_that_went_past_it(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock)
    session = await active(service)
    told: list[EndReason] = []
    service.hold(session.id, told.append)
    await service.reap()
    assert told == []
    await service.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    await service.reap()
    assert told == [EndReason.CLIENT_STOPPED]


@shared
async def test_sessions_of_a_node_that_gives_no_sign_of_life_are_given_up(
    make_service: MakeService, clock: ManualClock
) -> None:
    lost = await make_service("lost", clock=clock)
    service = await make_service("one", clock=clock)
    session = await active(lost)
    service.start_background()
    await clock.wait_for_sleeper()
    for _ in range(int(NODE_LOST_AFTER / INTERVAL) - 1):
        await clock.let_pass(INTERVAL)
    assert (await service.get(session.id)).status is Status.ACTIVE
    await clock.let_pass(INTERVAL)
    await clock.let_pass(INTERVAL)
    ended = await service.get(session.id)
    assert ended.end_reason is EndReason.NODE_LOST
    assert ended.ended_at == session.started_at, "which is the node's last sign of life too"


@shared
async def test_a_session_whose_node_is_not_even_written_down_is_given_up(
    make_service: MakeService, clock: ManualClock, store: Store
) -> None:
    gone = await make_service("gone", clock=clock)
    session = await active(gone)
    await store.write(lambda connection: connection.execute(delete(nodes)))
    service = await make_service("one", clock=clock)
    service.start_background()
    await clock.wait_for_sleeper()
    for _ in range(int(NODE_LOST_AFTER / INTERVAL)):
        await clock.let_pass(INTERVAL)
    ended = await service.get(session.id)
    assert ended.end_reason is EndReason.NODE_LOST
    assert ended.ended_at == session.started_at


# Sessions that pass from a node to another one.


@shared
async def test_a_session_that_is_let_go_is_ended_neither_by_a_drain_nor_by_upkeep(
    make_service: MakeService, clock: ManualClock
) -> None:
    one, two = await make_service("one", clock=clock), await make_service("two", clock=clock)
    session = await active(one)
    release = one.hold(session.id, lambda reason: None)
    one.let_go(session.id)
    release()
    clock.advance(TAKEN_UP_WITHIN - 1)
    assert await one.reap() == []
    await one.drain(0)
    assert (await one.get(session.id)).status is Status.ACTIVE
    await two.start(session.id)
    two.hold(session.id, lambda reason: None)
    clock.advance(1000)
    assert await one.reap() == []
    assert (await one.get(session.id)).node == "two"


@shared
async def test_a_drain_leaves_alone_what_another_node_has_taken_without_a_word(
    make_service: MakeService, clock: ManualClock
) -> None:
    # No bus joins the two.
    one, two = await make_service("one", clock=clock), await make_service("two", clock=clock)
    session = await active(one)
    await two.start(session.id)
    await one.drain(0)
    assert (await two.get(session.id)).status is Status.ACTIVE


async def test_one_that_nobody_takes_up_is_lost_at_the_time_it_was_let_go(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock)
    session = await active(service)
    service.let_go(session.id)
    clock.advance(TAKEN_UP_WITHIN + 1)
    [ended] = await service.reap()
    assert (ended.status, ended.end_reason) == (Status.FAILED, EndReason.NODE_LOST)
    assert ended.ended_at == clock.now() - timedelta(seconds=TAKEN_UP_WITHIN)
    assert await service.reap() == []


async def test_a_node_may_take_up_again_what_it_let_go(
    make_service: MakeService, clock: ManualClock
) -> None:
    service = await make_service(clock=clock)
    session = await active(service)
    service.let_go(session.id)
    await service.start(session.id)
    service.hold(session.id, lambda reason: None)
    clock.advance(1000)
    assert await service.reap() == []


@shared
async def test_a_session_of_a_node_that_is_lost_is_taken_up_by_another(
    make_service: MakeService, clock: ManualClock
) -> None:
    lost = await make_service("lost", clock=clock)
    session = await active(lost)
    await lost.close()
    clock.advance(NODE_LOST_AFTER * 2)
    service = await make_service(clock=clock)
    taken = await service.start(session.id)
    service.hold(session.id, lambda reason: None)
    assert (taken.status, taken.node) == (Status.ACTIVE, "one")
    assert await service.reap() == []


@shared
async def test_nodes_that_give_signs_of_life_are_left_alone(
    make_service: MakeService, clock: ManualClock
) -> None:
    other, service = await make_service("other", clock=clock), await make_service(clock=clock)
    session = await active(other)
    other.hold(session.id, lambda reason: None)
    other.start_background()
    service.start_background()
    await clock.wait_for_sleeper()
    for _ in range(20):
        await clock.let_pass(INTERVAL)
    assert (await service.get(session.id)).status is Status.ACTIVE


@on_postgresql
async def test_a_session_that_moved_to_another_node_is_let_alone_by_its_first(
    make_service: MakeService, clock: ManualClock
) -> None:
    # No bus joins the two: what the message would have told is found out by upkeep.
    one, two = await make_service("one", clock=clock), await make_service("two", clock=clock)
    session = await active(one)
    told: list[EndReason] = []
    release = one.hold(session.id, told.append)
    moved = await two.start(session.id)
    two.hold(session.id, lambda reason: None)
    assert moved.node == "two"
    clock.advance(1)
    await one.reap()
    assert told == [EndReason.REPLACED]
    release()
    clock.advance(1000)
    assert await one.reap() == []
    assert (await two.get(session.id)).status is Status.ACTIVE


@on_postgresql
async def test_a_session_unheld_here_that_moved_meanwhile_is_not_ended(
    make_service: MakeService, clock: ManualClock
) -> None:
    one, two = await make_service("one", clock=clock), await make_service("two", clock=clock)
    session = await active(one)
    await two.start(session.id)
    two.hold(session.id, lambda reason: None)
    clock.advance(1000)
    assert await one.reap() == []
    assert (await one.get(session.id)).node == "two"


async def test_upkeep_outlives_a_database_that_fails_and_a_fault_of_its_own(
    make_service: MakeService, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    service = await make_service(clock=clock, waits=Waits(60))
    session = await create(service)
    real = service.store.write

    async def fail(error: Exception, *_: object) -> None:
        raise error

    service.start_background()
    await clock.wait_for_sleeper()
    service.store.write = partial(fail, StorageUnavailable("away"))  # type: ignore[method-assign]
    await clock.let_pass(NODE_LOST_AFTER + 31)
    assert "put off" in caplog.text
    service.store.write = partial(fail, RuntimeError("bug"))  # type: ignore[method-assign]
    await clock.let_pass(INTERVAL)
    assert "a round of upkeep of sessions failed" in caplog.text
    assert (await service.get(session.id)).status is Status.WAITING
    service.store.write = real  # type: ignore[method-assign]
    await clock.let_pass(INTERVAL)
    ended = await service.get(session.id)
    assert ended.end_reason is EndReason.NEVER_STARTED
    assert ended.ended_at is not None
    assert ended.ended_at - ended.created_at > timedelta(seconds=60)


@on_postgresql
async def test_after_the_database_was_away_other_nodes_get_time_to_give_a_sign_of_life(
    make_service: MakeService, clock: ManualClock
) -> None:
    other, service = await make_service("other", clock=clock), await make_service(clock=clock)
    session = await active(other)
    service.start_background()
    await clock.wait_for_sleeper()
    # Nobody could write for this long.
    await clock.let_pass(NODE_LOST_AFTER * 10)
    assert (await service.get(session.id)).status is Status.ACTIVE


async def test_living_nodes_are_known_with_their_place_and_labels(
    store: Store, clock: ManualClock
) -> None:
    here, there = Place("ws://a:8764", "west", "a"), Place("ws://b:8764", "west", "b")
    one = SessionService(store, Node("one", "first", here), bus=LocalBus(), clock=clock)
    two = SessionService(store, Node("two", "first", there), bus=LocalBus(), clock=clock)
    await one.open()
    await two.open()
    assert await one.places() == [here, there]
    await two.close()
    clock.advance(NODE_LOST_AFTER - INTERVAL)
    one.start_background()
    await clock.wait_for_sleeper()
    await clock.let_pass(INTERVAL)
    clock.advance(1)
    assert await one.places() == [here]
    await one.close()
