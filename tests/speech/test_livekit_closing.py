from __future__ import annotations

import asyncio

import pytest

from greenroom.speech import livekit_closing
from greenroom.speech.livekit_closing import Leaving


class Stubborn:
    """A stream on which the first cancellation is lost."""

    def __init__(self) -> None:
        self.asked = 0
        self.asked_again = asyncio.Event()

    async def aclose(self) -> None:
        self.asked += 1
        if self.asked == 1:
            await asyncio.Event().wait()
        self.asked_again.set()


@pytest.mark.parametrize("goodbye", [0.05, 60])
async def test_a_stream_that_does_not_end_is_told_again(
    goodbye: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_closing, "_GOODBYE", goodbye)
    monkeypatch.setattr(livekit_closing, "_CLOSING", 0.05)
    leaving, stream = Leaving("livekit:x"), Stubborn()
    leaving.retire(leaving.end_stream(stream))
    if goodbye < 1:
        await asyncio.wait_for(stream.asked_again.wait(), 5)
    else:  # then only who closes the plugin is in a hurry
        await leaving.wait()
        assert stream.asked == 1
    await leaving.end()
    assert stream.asked == 2


async def test_a_stream_that_ends_by_itself_is_left_to_it() -> None:
    leaving, stream = Leaving("livekit:x"), Stubborn()
    stream.asked = 1
    end = asyncio.Event()
    ending = asyncio.create_task(_wait(end))
    leaving.retire(leaving.end_stream(stream, ending))
    await asyncio.sleep(0)
    assert stream.asked == 1
    end.set()
    await asyncio.wait_for(stream.asked_again.wait(), 5)
    await leaving.end()


async def test_a_task_that_a_stream_forgot_is_ended() -> None:
    leaving, stream = Leaving("livekit:x"), Stubborn()
    stream.asked = 1
    forgotten = asyncio.create_task(_wait(asyncio.Event()))
    stream._tasks = [forgotten]  # type: ignore[attr-defined]
    await leaving.end_stream(stream)
    assert forgotten.cancelled()


async def test_what_can_not_be_closed_disturbs_nobody(caplog: pytest.LogCaptureFixture) -> None:
    leaving = Leaving("livekit:x")

    async def fail() -> None:
        raise ValueError("what the user said")

    leaving.retire(fail())
    await leaving.wait()
    assert "user said" not in caplog.text


async def test_what_never_ends_is_cut_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(livekit_closing, "_CLOSING", 0.05)
    leaving = Leaving("livekit:x")
    leaving.retire(_wait(asyncio.Event()))
    async with asyncio.timeout(5):
        await leaving.wait()
        await leaving.end()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()
