"""A voice with several ways to its listener."""

from __future__ import annotations

import numpy as np

from greenroom.conversation.output_switch import OutputSwitch
from greenroom.testing import RecordingOutput

SOUND = np.ones(160, np.int16)


async def test_a_reply_stays_on_the_way_on_which_it_began() -> None:
    socket, room = RecordingOutput(), RecordingOutput()
    ways = [socket]
    switch = OutputSwitch(socket, lambda: ways[0])
    switch.begin("r1", "t1", 16_000)
    ways[0] = room
    switch.write("r1", 0, SOUND, last=True)
    switch.pause()
    switch.resume()
    switch.end("r1")
    assert switch.played_ms() == 10
    assert switch.current is socket
    await switch.wait_until_ahead(0)
    switch.begin("r2", "t2", 16_000)
    switch.write("r2", 0, SOUND, last=True)
    assert switch.first_times() == (None, None)
    assert switch.flush() == 10
    assert socket.calls == ["begin", "sentence 0", "pause", "resume", "end", "flush"]
    assert room.calls == ["begin", "sentence 0", "flush"]
