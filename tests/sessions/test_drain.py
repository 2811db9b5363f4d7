import asyncio
from pathlib import Path

from greenroom.sessions.model import EndReason, Session, Status
from greenroom.sessions.service import SessionService, open_sessions
from greenroom.settings import Settings


async def started(sessions: SessionService) -> Session:
    session = await sessions.create(api="commerce", tenant="t", settings={})
    return await sessions.start(session.id)


async def test_a_drain_waits_for_talks_that_end_by_themselves(data_dir: Path) -> None:
    sessions = await open_sessions(Settings(data_dir=data_dir))
    session = await started(sessions)
    stopped: list[EndReason] = []
    release = sessions.hold(session.id, stopped.append)
    draining = asyncio.create_task(sessions.drain(30))
    await asyncio.sleep(0)
    await sessions.end(session.id, Status.COMPLETED, EndReason.CLIENT_STOPPED)
    release()
    async with asyncio.timeout(5):
        await draining
    assert stopped == []
    assert (await sessions.get(session.id)).end_reason is EndReason.CLIENT_STOPPED
    await sessions.close()


async def test_a_drain_stops_the_talks_that_go_on(data_dir: Path) -> None:
    sessions = await open_sessions(Settings(data_dir=data_dir))
    session = await started(sessions)
    stopped: list[EndReason] = []

    def stop(reason: EndReason) -> None:
        stopped.append(reason)
        release()

    release = sessions.hold(session.id, stop)
    async with asyncio.timeout(5):
        await sessions.drain(0.01)
    assert stopped == [EndReason.DRAINED]
    await sessions.close()


async def test_a_drain_ends_sessions_whose_client_might_have_come_back(data_dir: Path) -> None:
    sessions = await open_sessions(Settings(data_dir=data_dir))
    left = await started(sessions)
    waiting = await sessions.create(api="commerce", tenant="t", settings={})
    async with asyncio.timeout(5):
        await sessions.drain(30)
    ended = await sessions.get(left.id)
    assert (ended.status, ended.end_reason) == (Status.STOPPED, EndReason.DRAINED)
    assert (await sessions.get(waiting.id)).status is Status.WAITING
    await sessions.close()
