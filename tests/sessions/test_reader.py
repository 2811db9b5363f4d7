"""What is looked up of many sessions at once, on both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from greenroom.sessions.model import EndReason, LifecycleEntry, Session, Status, TranscriptEntry
from greenroom.sessions.reader import ended_without, last_entry
from greenroom.sessions.service import SessionService

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


async def made(service: SessionService, **settings: object) -> Session:
    return await service.create(api="duplex", tenant="acme", settings=settings)


async def test_of_every_turn_the_last_that_was_said_is_found(service: SessionService) -> None:
    one, two, silent = [await made(service) for _ in range(3)]
    for turn, text in (("1", "Hel"), ("2", "Hi"), ("1", "Hello")):
        service.append(one.id, TranscriptEntry(turn, "user", text))
    for turn in range(120):
        service.append(two.id, TranscriptEntry(str(turn), "user", "Yes"))
    service.append(two.id, LifecycleEntry(None, "reconnected"))
    spoken = await service.spoken([one.id, two.id, silent.id])
    texts = [r.entry.text for r in spoken[one.id] if isinstance(r.entry, TranscriptEntry)]
    assert texts == ["Hi", "Hello"]
    assert len(spoken[two.id]) == 120
    assert spoken[silent.id] == []
    assert await service.spoken([]) == {}


async def test_the_last_record_of_a_session_tells_whether_it_has_changed(
    service: SessionService,
) -> None:
    session = await made(service)
    find = partial(last_entry, session_id=session.id)
    created = await service.store.read(find)
    assert created is not None
    await service.append_once(session.id, LifecycleEntry(None, "seen"), "seen")
    seen = await service.store.read(find)
    assert seen is not None
    assert seen[0] > created[0]
    assert await service.store.read(partial(last_entry, session_id="none")) is None


async def test_ended_sessions_without_a_record_of_a_key_are_found(service: SessionService) -> None:
    due, done, live = [await made(service, webhook_url="https://a.example") for _ in range(3)]
    quoted = await made(service, text='"webhook_url":"https://a.example"')
    none, number = await made(service), await made(service, webhook_url=5)
    for session in (due, done, quoted, none, number):
        await service.end(session.id, Status.STOPPED, EndReason.CLIENT_STOPPED)
    await service.append_once(done.id, LifecycleEntry(None, "told"), "told")

    async def found(
        api: str = "duplex", setting: str = "webhook_url", since: datetime = LONG_AGO
    ) -> list[str]:
        find = partial(ended_without, api=api, key="told", setting=setting, since=since, limit=10)
        return [session.id for session in await service.store.read(find)]

    assert await found() == [due.id]
    assert await found(api="commerce") == []
    assert await found(setting="webhook%url") == []
    assert await found(since=due.created_at + timedelta(days=1)) == []
    assert live.id not in await found()


async def test_sessions_that_live_are_listed_by_their_status(service: SessionService) -> None:
    waiting, active, ended = [await made(service) for _ in range(3)]
    await service.start(active.id)
    await service.end(ended.id, Status.COMPLETED, EndReason.CLIENT_STOPPED)
    for status, session in (
        (Status.WAITING, waiting),
        (Status.ACTIVE, active),
        (Status.COMPLETED, ended),
    ):
        found = await service.list(tenant="acme", status=status)
        assert [listed.id for listed in found] == [session.id]
