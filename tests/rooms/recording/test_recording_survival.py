from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from rooms.recording.recorded import RATE, USER, played, spans, strength

CHILD = """
import asyncio, sys, time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from greenroom.rooms.recording.recording import Recording
from greenroom.settings import RecordingSettings

async def main():
    loop = asyncio.get_running_loop()
    recording = Recording(
        Path(sys.argv[1]), RecordingSettings(), clock=loop, threads=ThreadPoolExecutor(1)
    )
    began = loop.time()
    at = 0
    while True:
        await asyncio.sleep(max(0, began + (at + 320) / 16_000 - loop.time()))
        t = np.arange(at, at + 320) / 16_000
        recording.user(np.round(8_000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16), 16_000)
        at += 320
        print(recording.position, flush=True)

asyncio.run(main())
"""


async def test_what_was_said_until_a_second_before_the_process_was_killed_can_be_played(
    tmp_path: Path,
) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CHILD, str(tmp_path / "talk"), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    position = 0.0
    try:
        async with asyncio.timeout(30):
            while position < 2.5:
                position = float(await child.stdout.readline())
    finally:
        child.send_signal(signal.SIGKILL)
        rest = await child.stdout.read()
        await child.wait()
    killed = float(rest.split()[-1]) if rest.split() else position

    left, right = played(tmp_path / "talk.webm")
    assert len(left) / RATE > killed - 1.0
    start, end = spans(left)[0]
    assert start < 0.5
    assert end > killed - 1.0
    assert strength(left[RATE // 2 : RATE * 3 // 2], USER) > 0.2
    assert abs(right).max() < 0.001
