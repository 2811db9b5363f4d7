"""Sessions are listed by the status that they are shown with."""

from __future__ import annotations

from pathlib import Path

import pytest

from greenroom.duplex.archive import TalkArchive
from greenroom.duplex.ports import Persona, SessionOrder
from greenroom.errors import InvalidInput
from greenroom.sessions.model import EndReason, Status
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings

ENDS = {
    Status.FAILED: EndReason.AGENT_FAILED,
    Status.STOPPED: EndReason.CLIENT_STOPPED,
    Status.COMPLETED: EndReason.DISCONNECTED,
}


async def test_a_session_that_failed_is_listed_with_those_that_were_stopped(data_dir: Path) -> None:
    sessions = await open_sessions(Settings(data_dir=data_dir))
    archive = TalkArchive(sessions)
    try:
        for status, reason in ENDS.items():
            made = await archive.create(SessionOrder(Persona("NATF0.pt")), tenant="one")
            if status is not Status.FAILED:
                await sessions.start(made.session.id)
            await sessions.end(made.session.id, status, reason)
        await archive.create(SessionOrder(Persona("NATF0.pt")), tenant="one")

        async def listed(status: str) -> list[tuple[str, Status]]:
            page = await archive.list(tenant="one", limit=50, before=None, status=status)
            return [(tracked.status, tracked.session.status) for tracked in page]

        assert await listed("stopped") == [
            ("stopped", Status.STOPPED),
            ("stopped", Status.FAILED),
        ]
        assert await listed("completed") == [("completed", Status.COMPLETED)]
        assert await listed("waiting") == [("waiting", Status.WAITING)]
        assert await listed("active") == []
        with pytest.raises(InvalidInput, match="waiting, active, completed, stopped"):
            await listed("failed")
    finally:
        await sessions.close()
