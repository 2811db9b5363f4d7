"""A real process is killed while it writes; what it wrote, and when, is known from its output."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from greenroom.sessions.model import EndReason, Status, TranscriptEntry
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings

PROGRAM = """
import asyncio, pathlib, sys, time
from greenroom.sessions.model import TranscriptEntry
from greenroom.sessions.service import open_sessions
from greenroom.settings import Settings

async def main():
    service = await open_sessions(Settings(data_dir=pathlib.Path(sys.argv[1])))
    session = await service.create(api="commerce", tenant="shop", settings={})
    await service.start(session.id)
    print(session.id, flush=True)
    number = 0
    while True:
        service.append(session.id, TranscriptEntry("t1", "user", str(number)))
        print(number, time.time(), flush=True)
        number += 1
        await asyncio.sleep(0.002)

asyncio.run(main())
"""


def run_and_kill(data_dir: Path) -> tuple[str, list[tuple[str, float]], float]:
    """Return the session's id, what was appended and when, and when the process was killed."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(data_dir)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        session_id = process.stdout.readline().strip()
        lines = [process.stdout.readline() for _ in range(300)]
        process.kill()
        killed_at = time.time()
        lines += process.stdout
    appended = [line.split() for line in lines if line.endswith("\n")]
    return session_id, [(number, float(at)) for number, at in appended], killed_at


async def test_all_but_the_last_tenth_of_a_second_outlives_a_killed_server(data_dir: Path) -> None:
    session_id, appended, killed_at = run_and_kill(data_dir)
    service = await open_sessions(Settings(data_dir=data_dir))
    try:
        session = await service.get(session_id)
        assert session.status is Status.FAILED
        assert session.end_reason is EndReason.NODE_LOST
        records = await service.records(session_id)
        kept = [
            record.entry.text for record in records if isinstance(record.entry, TranscriptEntry)
        ]
        older = [number for number, at in appended if at < killed_at - 0.1]
        assert len(older) > 100
        assert kept[: len(older)] == older
        assert session.ended_at == records[-2].at, "the time of the last entry before the end"
        assert service.store.name.endswith("greenroom.db")
    finally:
        await service.close()
