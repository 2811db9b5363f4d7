from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from clocks import ManualClock
from greenroom.errors import InvalidInput, SessionEnded, SessionNotFound
from greenroom.sessions.model import (
    AnalyticsEntry,
    EndReason,
    LifecycleEntry,
    MetricEntry,
    Session,
    Status,
    TranscriptEntry,
)
from greenroom.sessions.reader import SessionReader
from greenroom.sessions.service import SessionService
from greenroom.sessions.store import Store

MakeService = Callable[..., Awaitable[SessionService]]


async def create(service: SessionService, **changes: object) -> Session:
    values: dict[str, object] = {"api": "commerce", "tenant": "shop", "settings": {}, **changes}
    return await service.create(**values)  # type: ignore[arg-type]


async def lifecycle(service: SessionService, session_id: str) -> list[tuple[str, str]]:
    records = await service.records(session_id, kinds=["lifecycle"])
    return [
        (record.entry.event, record.entry.detail)
        for record in records
        if isinstance(record.entry, LifecycleEntry)
    ]


async def test_a_created_session_waits_and_is_durable(
    service: SessionService, store: Store
) -> None:
    session = await create(service, settings={"user_id": "u", "metadata": {"source": "web"}})
    assert session.status is Status.WAITING
    assert session.created_at.tzinfo is not None
    assert session == await SessionReader(store).get(session.id)
    assert session == await service.get(session.id)
    assert await lifecycle(service, session.id) == [("created", "")]


async def test_the_settings_of_a_session_are_its_own(service: SessionService) -> None:
    settings = {"sizes": (1, 2)}
    session = await create(service, settings=settings)
    settings.clear()
    assert (await service.get(session.id)).settings == {"sizes": [1, 2]}


async def test_settings_must_be_json(service: SessionService) -> None:
    with pytest.raises(InvalidInput) as caught:
        await create(service, settings={"x": object()})
    assert caught.value.field == "settings"


async def test_an_id_may_be_chosen_once(service: SessionService) -> None:
    assert (await create(service, session_id="mine")).id == "mine"
    with pytest.raises(InvalidInput, match="another session"):
        await create(service, session_id="mine")


@pytest.mark.parametrize("session_id", ["", "x" * 129, "a\x00b", "a\nb"])
async def test_an_id_that_can_not_be_is_refused(service: SessionService, session_id: str) -> None:
    with pytest.raises(InvalidInput):
        await create(service, session_id=session_id)
    with pytest.raises(SessionNotFound):
        await service.get(session_id)
    with pytest.raises(SessionNotFound):
        await service.start(session_id)
    with pytest.raises(SessionNotFound):
        await service.end(session_id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert await service.records(session_id) == []
    assert not await service.request_stop(session_id, EndReason.DRAINED)


async def test_a_session_of_another_tenant_is_not_found(
    service: SessionService, make_service: MakeService
) -> None:
    session = await create(service)
    assert await service.get(session.id, tenant="shop") == session
    other = await make_service("two")
    for node in (service, other):
        with pytest.raises(SessionNotFound):
            await node.get(session.id, tenant="thief")


async def test_a_session_goes_from_waiting_over_active_to_its_end(
    service: SessionService, store: Store
) -> None:
    waiting = await create(service)
    active = await service.start(waiting.id)
    assert active.status is Status.ACTIVE
    assert active.started_at is not None
    assert active.node == "one"
    ended = await service.end(waiting.id, Status.COMPLETED, EndReason.CLIENT_STOPPED, "bye")
    assert ended.status is Status.COMPLETED
    assert ended.end_reason is EndReason.CLIENT_STOPPED
    assert ended.ended_at is not None
    assert ended.ended_at >= active.started_at
    assert ended == await service.get(waiting.id) == await SessionReader(store).get(waiting.id)
    assert await lifecycle(service, waiting.id) == [
        ("created", ""),
        ("started", ""),
        ("ended", "client_stopped: bye"),
    ]
    with pytest.raises(SessionEnded) as caught:
        await service.start(waiting.id)
    assert caught.value.reason == "client_stopped"


async def test_the_first_end_counts(service: SessionService) -> None:
    session = await create(service)
    first, second = await asyncio.gather(
        service.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED),
        service.end(session.id, Status.FAILED, EndReason.AGENT_FAILED),
    )
    assert first == second
    assert first.status is Status.STOPPED
    assert len(await lifecycle(service, session.id)) == 2


async def test_an_active_session_that_is_started_again_was_reconnected(
    service: SessionService,
) -> None:
    session = await create(service)
    first, second = await asyncio.gather(service.start(session.id), service.start(session.id))
    assert first == second
    assert [event for event, _ in await lifecycle(service, session.id)] == [
        "created",
        "started",
        "reconnected",
    ]


async def test_nothing_happens_to_a_session_that_does_not_exist(service: SessionService) -> None:
    with pytest.raises(SessionNotFound):
        await service.get("nobody")
    with pytest.raises(SessionNotFound):
        await service.start("nobody")
    with pytest.raises(SessionNotFound):
        await service.end("nobody", Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert not await service.request_stop("nobody", EndReason.CLIENT_STOPPED)
    service.append("nobody", MetricEntry(None, "lost", {}))
    assert await service.records("nobody") == []


async def test_records_hold_everything_appended_so_far(service: SessionService) -> None:
    session = await create(service)
    said = [TranscriptEntry("t1", "user", f"word {number}") for number in range(150)]
    for entry in said:
        service.append(session.id, entry)
    records = await service.records(session.id, kinds=["transcript"])
    assert [record.entry for record in records] == said
    assert [record.seq for record in records] == sorted({record.seq for record in records})
    assert {record.session_id for record in records} == {session.id}
    assert abs(records[0].at - session.created_at) < timedelta(seconds=10)
    everything = await service.records(session.id)
    assert len(everything) == 151


def event(event_id: str) -> AnalyticsEntry:
    return AnalyticsEntry(None, event_id, "page_view", {"page": event_id})


async def test_an_entry_with_a_key_is_written_once(service: SessionService) -> None:
    session = await service.create(api="commerce", tenant="t", settings={})
    other = await service.create(api="commerce", tenant="t", settings={})
    kept = await asyncio.gather(
        *(service.append_once(session.id, event(f"e{number}"), "k") for number in range(20))
    )
    assert len({record.seq for record in kept}) == 1
    service.append(session.id, event("without a key"))
    service.append(session.id, event("without a key"))
    await service.append_once(session.id, event("another"), "k2")
    await service.append_once(other.id, event("of another session"), "k")
    records = await service.records(session.id, kinds=("analytics",))
    assert records[0] == kept[0]
    assert len(records) == 4
    assert len(await service.records(other.id, kinds=("analytics",))) == 1


async def test_an_entry_with_a_key_needs_a_session(service: SessionService) -> None:
    with pytest.raises(SessionNotFound):
        await service.append_once("nobody", event("e"), "k")


async def test_ending_waits_for_the_journal(service: SessionService, store: Store) -> None:
    session = await create(service)
    service.append(session.id, TranscriptEntry("t1", "user", "one more thing"))
    await service.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    records = await SessionReader(store).records(session.id)
    assert [record.entry.kind for record in records] == ["lifecycle", "transcript", "lifecycle"]


async def test_sessions_are_listed_newest_first_in_pages(service: SessionService) -> None:
    made = [await create(service, tenant=f"shop{number % 2}") for number in range(7)]
    await service.start(made[0].id)
    newest = [session.id for session in reversed(made)]

    async def ids(**query: object) -> list[str]:
        return [session.id for session in await service.list(**query)]  # type: ignore[arg-type]

    assert await ids() == newest
    first = await ids(limit=3)
    second = await ids(limit=3, before=first[-1])
    third = await ids(limit=3, before=second[-1])
    assert first + second + third == newest
    assert await ids(tenant="shop1") == [made[5].id, made[3].id, made[1].id]
    assert await ids(status=Status.ACTIVE) == [made[0].id]
    assert await ids(api="duplex") == []
    with pytest.raises(SessionNotFound):
        await ids(before=made[0].id, tenant="shop1")
    for limit in (0, 1001):
        with pytest.raises(InvalidInput):
            await ids(limit=limit)


async def test_a_holder_is_told_to_stop(service: SessionService) -> None:
    session = await create(service)
    await service.start(session.id)
    assert not await service.request_stop(session.id, EndReason.CLIENT_STOPPED)
    told: list[EndReason] = []
    release = service.hold(session.id, told.append)
    assert await service.request_stop(session.id, EndReason.MAX_DURATION)
    assert told == [EndReason.MAX_DURATION]
    release()
    assert not await service.request_stop(session.id, EndReason.CLIENT_STOPPED)
    assert len(told) == 1


async def test_a_second_holder_replaces_the_first(service: SessionService) -> None:
    session = await create(service)
    first: list[EndReason] = []
    second: list[EndReason] = []
    release_first = service.hold(session.id, first.append)
    service.hold(session.id, second.append)
    assert first == [EndReason.REPLACED]
    release_first()
    assert await service.request_stop(session.id, EndReason.CLIENT_STOPPED)
    assert second == [EndReason.CLIENT_STOPPED]
    assert len(first) == 1


async def test_a_holder_that_fails_to_stop_harms_nobody(
    service: SessionService, caplog: pytest.LogCaptureFixture
) -> None:
    def stop(reason: EndReason) -> None:
        raise RuntimeError("no")

    session = await create(service)
    service.hold(session.id, stop)
    assert await service.request_stop(session.id, EndReason.CLIENT_STOPPED)
    assert "failed to stop" in caplog.text


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_live_session_that_another_node_ended_is_seen_to_have_ended(
    make_service: MakeService,
) -> None:
    clock = ManualClock()
    one, two = await make_service("one", clock=clock), await make_service("two", clock=clock)
    session = await create(one)
    await one.start(session.id)
    await two.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    assert (await one.get(session.id)).status is Status.ACTIVE
    clock.advance(2)
    assert (await one.get(session.id)).status is Status.STOPPED


async def test_many_sessions_are_remembered_but_not_all(
    service: SessionService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("greenroom.sessions.service._CACHED", 2)
    made = [await create(service) for _ in range(4)]
    for session in made:
        assert await service.get(session.id) == session
        await service.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
        assert (await service.get(session.id)).ended
