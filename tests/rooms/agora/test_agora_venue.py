"""The venue, with the real helper process and the stand-in of the SDK in it."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pytest_asyncio

from greenroom.errors import CapacityExceeded, ProviderFailed, ProviderUnavailable
from greenroom.rooms.agora import venue as module
from greenroom.rooms.agora.channels import AgoraChannels
from greenroom.rooms.agora.venue import AgoraAddress, AgoraVenue
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import H264, VP9
from greenroom.rooms.venue import VenuePicture
from rooms.agora.conftest import STAND_IN

# One event loop and, where a test doesn't end it, one helper process for all.
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("agora-venue")]

PICTURE = VenuePicture(H264, 64, 48, 25)
SOUND = np.ones(1_920, np.int16)
"""40 ms."""


class Process:
    """The helper processes, what was called in them, and what a venue's owner is told."""

    def __init__(self, channels: AgoraChannels, record: Path) -> None:
        self.channels = channels
        self._record = record
        self._before = len(self._lines())
        self.gone: asyncio.Queue[str] = asyncio.Queue()
        self.expiring = asyncio.Event()

    async def open(self, token: str, **more: Any) -> AgoraVenue:
        timeout = more.pop("timeout", 10.0)
        picture = more.pop("picture", PICTURE)
        fields = {"app_id": "app", "channel": "room1", "uid": "333"} | more
        return await AgoraVenue.open(
            self.channels,
            AgoraAddress(token=token, **fields),
            picture,
            on_gone=self.gone.put_nowait,
            on_token_expiring=self.expiring.set,
            timeout=timeout,
        )

    async def why_gone(self) -> str:
        async with asyncio.timeout(10):
            return await self.gone.get()

    def calls(self, *names: str) -> list[tuple[str, dict[str, Any]]]:
        """What was called in all processes; complete once the venue is closed."""
        calls = [json.loads(line) for line in self._lines()[self._before :]]
        assert not [call for call in calls if call[0] == "violation"]
        return [(name, arguments) for name, arguments in calls if name in names]

    def _lines(self) -> list[str]:
        return self._record.read_text().splitlines() if self._record.exists() else []


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[tuple[AgoraChannels, Path]]:
    """Channels, and the file in which their processes record what is called."""
    record = folder / "record"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(STAND_IN))
        patch.setenv("AGORA_STAND_IN_RECORD", str(record))
        channels = AgoraChannels(folder / "agora", most_services=2, require=lambda: folder)
        yield channels, record
        await channels.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[AgoraChannels, Path]]:
    async with running(tmp_path_factory.mktemp("agora")) as channels:
        yield channels


@pytest.fixture
def process(shared: tuple[AgoraChannels, Path]) -> Process:
    return Process(*shared)


@pytest_asyncio.fixture(loop_scope="module")
async def own_process(tmp_path: Path) -> AsyncIterator[Process]:
    """For a test that ends it, or starts more."""
    async with running(tmp_path) as channels:
        yield Process(*channels)


def show(venue: AgoraVenue, n: int, *, keyframe: bool = False, sound: bool = False) -> None:
    """Picture `n`, and what is heard with it."""
    if sound:
        venue.play(SOUND)
    venue.show(EncodedFrame(b"picture", n / 25, keyframe))


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another process tells of nothing
            await asyncio.sleep(0.001)


async def test_sound_and_picture_of_a_turn_have_the_same_time(process: Process) -> None:
    venue = await process.open("token", uid="42")
    assert venue.name == "agora"
    assert venue.keyframe_wanted
    for n in range(3):
        show(venue, n, keyframe=n == 0, sound=n > 0)
        assert not venue.keyframe_wanted
        await asyncio.sleep(0)
    venue.play(SOUND)  # without a picture
    await asyncio.sleep(0)
    await finish(venue, process)
    await venue.close()
    await venue.close()
    assert process.gone.empty()
    pictures = [call["capture_time_ms"] for _, call in process.calls("push_video")]
    sounds = [call["pts"] for _, call in process.calls("push_audio")]
    assert [time - pictures[0] for time in pictures] == [0, 40, 80]
    assert sounds[:2] == pictures[1:]
    assert len(sounds) == 3
    assert process.calls("connect")[0][1]["uid"] == "42"
    assert [name for name, _ in process.calls("disconnect", "release")] == ["disconnect", "release"]
    # What comes after the end is left out.
    show(venue, 4, sound=True)
    venue.flush()
    assert not venue.keyframe_wanted


async def finish(venue: AgoraVenue, process: Process) -> None:
    """Return when the SDK has been asked all that was handed over."""
    venue.renew("marker")
    await until(lambda: bool(process.calls("renew_token")))


async def test_an_interruption_drops_the_sound_of_this_turn(process: Process) -> None:
    venue = await process.open("token")
    show(venue, 0, keyframe=True, sound=True)
    venue.flush()
    await asyncio.sleep(0)
    await finish(venue, process)
    await venue.close()
    assert [name for name, _ in process.calls("push_audio", "push_video", "interrupt_audio")] == [
        "interrupt_audio",
        "push_video",
    ]


@pytest.mark.parametrize(
    ("token", "words"), [("refused=8", "the token is not valid"), ("crash-at-once", "ended")]
)
async def test_a_channel_that_cannot_be_joined_says_why(
    process: Process, token: str, words: str
) -> None:
    with pytest.raises(ProviderFailed, match=words):
        await process.open(token)
    assert process.gone.empty()


async def test_a_channel_that_does_not_answer_is_left_in_time(own_process: Process) -> None:
    with pytest.raises(ProviderFailed, match="not let it join"):
        await own_process.open("silent", timeout=0.5)
    await own_process.channels.close()
    if own_process.calls("connect"):  # else the process was not even there in time
        assert own_process.calls("disconnect", "release")[-1][0] == "release"


async def test_a_join_that_is_cancelled_is_undone(process: Process) -> None:
    other = await process.open("token", channel="other")
    opening = asyncio.create_task(process.open("silent", timeout=60))
    await until(lambda: len(process.calls("connect")) == 2)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await until(lambda: len(process.calls("release")) == 1)
    assert process.calls("disconnect") == [("disconnect", {"channel": "room1"})]
    await other.close()


async def test_who_is_thrown_out_is_gone(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    venue = await process.open("lost=3")
    show(venue, 0, keyframe=True)
    show(venue, 1)
    assert "kicked it out" in await process.why_gone()
    show(venue, 2)
    await venue.close()
    assert process.gone.empty()
    assert "lost=3" not in caplog.text  # the token


async def test_a_crash_of_the_sdk_ends_the_venue_and_the_next_one_joins(process: Process) -> None:
    venue = await process.open("crash")
    show(venue, 0, keyframe=True)
    assert "status 9" in await process.why_gone()
    await venue.close()
    next_one = await process.open("token")
    await next_one.close()


async def test_an_expiring_token_is_renewed(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    venue = await process.open("expires,renewal-refused")
    show(venue, 0, keyframe=True)
    async with asyncio.timeout(10):
        await process.expiring.wait()
    venue.renew("the new one")
    await until(lambda: "was refused" in caplog.text)
    assert process.calls("renew_token") == [("renew_token", {"token": "the new one"})]
    assert "the new one" not in caplog.text
    await venue.close()


@pytest.mark.parametrize("token", ["intra", "reconnects"])
async def test_a_keyframe_is_wanted_when_somebody_cannot_see(process: Process, token: str) -> None:
    venue = await process.open(token)
    show(venue, 0, keyframe=True)
    show(venue, 1)
    await until(lambda: venue.keyframe_wanted)
    show(venue, 2, keyframe=True)
    assert not venue.keyframe_wanted
    await venue.close()


async def test_pictures_that_never_got_there_are_told_in_the_log(
    process: Process, caplog: pytest.LogCaptureFixture
) -> None:
    venue = await process.open("token")
    show(venue, 0)  # no keyframe has come before
    await asyncio.sleep(0)
    await venue.close()
    assert "1 pictures never got to room1" in caplog.text


async def test_a_channel_that_cannot_be_left_does_not_hold_up_the_end(
    own_process: Process, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "LEAVE_TIMEOUT", 0.05)
    venue = await own_process.open("stays")
    await venue.close()
    assert "not left yet" in caplog.text
    os.kill(own_process.channels.pids[0], signal.SIGKILL)  # else it is waited for at the end


async def test_each_kind_of_uid_and_app_id_has_a_process_until_there_are_too_many(
    own_process: Process,
) -> None:
    numbers = await own_process.open("token", uid="0")
    strings = await own_process.open("token", uid="zero", string_uid=True)
    assert len(set(own_process.channels.pids)) == 2
    with pytest.raises(CapacityExceeded):
        await own_process.open("token", app_id="other")
    kinds = [call["use_string_uid"] for _, call in own_process.calls("initialize")]
    assert kinds == [0, 1]
    await numbers.close()
    other = await own_process.open("token", app_id="other")  # in the idle one's place
    assert len(set(own_process.channels.pids)) == 2
    await other.close()
    await strings.close()
    await own_process.channels.close()
    with pytest.raises(ProviderFailed, match="closing"):
        await own_process.open("token")


@pytest.mark.parametrize("uid", ["alice", "-1", "4294967296", "²", ""])
async def test_a_uid_that_is_no_number_must_be_said_to_be_a_string(
    process: Process, uid: str
) -> None:
    with pytest.raises(ProviderFailed, match="uid must be a number"):
        await process.open("token", uid=uid)


async def test_a_codec_that_agora_does_not_take_is_refused(process: Process) -> None:
    with pytest.raises(ProviderFailed, match="not vp9"):
        await process.open("token", picture=VenuePicture(VP9, 64, 48, 25))


async def test_without_the_sdk_it_says_how_to_install_it(tmp_path: Path) -> None:
    channels = AgoraChannels(tmp_path)
    opening: Awaitable[AgoraVenue] = Process(channels, tmp_path / "record").open("token")
    with pytest.raises(ProviderUnavailable, match=r"pip install 'greenroom\[agora\]'"):
        await opening
    assert channels.pids == []
    await channels.close()


async def test_an_address_does_not_show_its_token() -> None:
    assert "secret" not in repr(AgoraAddress("app", "secret", "room1", "333"))
