from __future__ import annotations

import asyncio
import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from audio.sounds import tone
from greenroom.rooms.recording import recording as module
from greenroom.rooms.recording.sink import RawFile, create_file
from greenroom.settings import RecordingSettings
from greenroom.testing.clock import ManualClock
from rooms.recording.recorded import (
    AGENT,
    RATE,
    USER,
    begin,
    duration,
    near,
    played,
    spans,
    strength,
    user_says,
)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def test_the_user_is_left_and_the_agent_right_each_at_their_time(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    clock.advance(0.5)
    user_says(recording, clock, 1.0)
    clock.advance(0.7)
    for _ in range(10):
        clock.advance(0.1)
        recording.agent(tone(AGENT, 0.1, 24_000), 24_000)
    clock.advance(0.25)
    file = await recording.close()

    assert file.path == tmp_path / "talk.webm"
    assert file.ended == "closed"
    assert file.size == file.path.stat().st_size
    assert file.duration == pytest.approx(3.45)
    left, right = played(file.path)
    assert len(left) == round(3.45 * RATE)
    assert near(spans(left), (0.5, 1.5))
    assert near(spans(right), (2.2, 3.2))
    speech, answer = slice(RATE * 6 // 10, RATE * 14 // 10), slice(RATE * 23 // 10, RATE * 31 // 10)
    assert strength(left[speech], USER) == pytest.approx(8_000 / 32_768, rel=0.1)
    assert strength(right[answer], AGENT) == pytest.approx(8_000 / 32_768, rel=0.1)
    assert np.abs(right[speech]).max() < 0.001
    assert np.abs(left[answer]).max() < 0.001


async def test_both_can_talk_at_the_same_time(tmp_path: Path, clock: ManualClock) -> None:
    recording = begin(tmp_path / "talk", clock)
    for _ in range(50):
        clock.advance(0.02)
        recording.user(tone(USER, 0.02, 8_000), 8_000)
        recording.agent(tone(AGENT, 0.02, 48_000), 48_000)
    file = await recording.close()
    assert file.path is not None
    left, right = played(file.path)
    assert near(spans(left), (0, 1))
    assert near(spans(right), (0, 1))
    middle = slice(RATE // 4, RATE * 3 // 4)
    # Each side's tone is at least 40 dB weaker on the other's channel.
    assert strength(left[middle], AGENT) < strength(left[middle], USER) / 100
    assert strength(right[middle], USER) < strength(right[middle], AGENT) / 100


async def test_the_duration_is_exact_to_the_sample_where_it_ends_within_a_packet(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    clock.advance(1.2345)
    file = await recording.close()
    assert file.path is not None
    assert file.duration == pytest.approx(1.2345, abs=1 / RATE)
    assert played(file.path).shape == (2, round(1.2345 * RATE))
    # The header counts the decoder's delay (6.5 ms) and whole ms.
    assert duration(file.path) == pytest.approx(1.2345, abs=0.01)
    assert await recording.close() == file


async def test_sound_that_comes_faster_than_it_is_heard_follows_piece_after_piece(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    clock.advance(1.0)
    for _ in range(10):
        recording.user(tone(USER, 0.1), 16_000)
    clock.advance(2.0)
    recording.user(tone(USER, 0.1), 16_000)
    file = await recording.close()
    assert file.path is not None
    assert near(spans(played(file.path)[0]), (0.9, 1.9), (2.9, 3.0))


async def test_what_was_said_and_not_yet_written_at_the_end_is_on_the_record(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    clock.advance(0.1)
    for _ in range(3):
        recording.user(tone(USER, 0.5), 16_000)
    file = await recording.close()
    assert file.path is not None
    assert file.duration == pytest.approx(1.5)
    assert near(spans(played(file.path)[0]), (0, 1.5))


async def test_a_wavering_stream_is_not_cut_into_pieces(tmp_path: Path, clock: ManualClock) -> None:
    recording = begin(tmp_path / "talk", clock)
    late = np.random.default_rng(1).uniform(0, 0.06, 100)
    late[0] = 0.0
    pcm = tone(USER, 2.0)
    arrival = 0.0
    for packet in range(100):
        due = max(arrival, 0.02 * (packet + 1) + late[packet])
        clock.advance(due - arrival)
        arrival = due
        recording.user(pcm[packet * 320 : packet * 320 + 320], 16_000)
    file = await recording.close()
    assert file.path is not None
    assert near(spans(played(file.path)[0]), (0, 2.0))
    assert strength(played(file.path)[0][:RATE], USER) > 0.23


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100])
async def test_a_microphone_that_stops_and_starts_keeps_its_time(
    tmp_path: Path, clock: ManualClock, rate: int
) -> None:
    recording = begin(tmp_path / "talk", clock)
    expected = []
    for _ in range(3):
        clock.advance(0.5)
        began = recording.position
        user_says(recording, clock, 0.3, rate)
        expected.append((began, began + 0.3))
    clock.advance(1.0)
    file = await recording.close()
    assert file.path is not None
    assert near(spans(played(file.path)[0]), *expected)


async def test_the_rate_may_change_in_the_middle(tmp_path: Path, clock: ManualClock) -> None:
    recording = begin(tmp_path / "talk", clock)
    user_says(recording, clock, 0.5, 8_000)
    user_says(recording, clock, 0.5, 48_000)
    user_says(recording, clock, 0.5, 24_000)
    file = await recording.close()
    assert file.path is not None
    assert near(spans(played(file.path)[0]), (0, 1.5))


async def test_the_samples_place_can_be_used_again_at_once(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    place = tone(USER, 0.25)
    clock.advance(0.25)
    recording.user(place, 16_000)
    place[:] = 0
    file = await recording.close()
    assert file.path is not None
    assert near(spans(played(file.path)[0]), (0, 0.25))


async def test_a_piece_longer_than_the_file_is_behind_begins_where_the_file_ends(
    tmp_path: Path, clock: ManualClock
) -> None:
    recording = begin(tmp_path / "talk", clock)
    clock.advance(2.0)
    for _ in range(3):
        recording.user(tone(USER, 1.0), 16_000)
        clock.advance(1.0)
    file = await recording.close()
    assert file.path is not None
    [(start, end)] = spans(played(file.path)[0])
    assert start == pytest.approx(2.0 - module.LATENCY, abs=module.TICK + 0.02)
    assert end - start == pytest.approx(3.0, abs=0.02)


async def test_a_second_talk_does_not_overwrite_the_first(
    tmp_path: Path, clock: ManualClock
) -> None:
    files = []
    for _ in range(3):
        recording = begin(tmp_path / "day" / "talk", clock)
        clock.advance(1.0)
        files.append((await recording.close()).path)
    assert files == [
        tmp_path / "day" / name for name in ("talk.webm", "talk-2.webm", "talk-3.webm")
    ]
    assert all(path is not None and path.stat().st_mode & 0o777 == 0o600 for path in files)
    assert (tmp_path / "day").stat().st_mode & 0o777 == 0o700


async def test_a_full_recording_ends_and_can_be_played(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    settings = RecordingSettings(enabled=True, max_bytes=100_000, bitrate=256_000)
    recording = begin(tmp_path / "talk", clock, settings=settings)
    noise = np.random.default_rng(1).integers(-8_000, 8_000, 4_800).astype(np.int16)
    while not recording.ended and recording.position < 10:
        clock.advance(0.1)
        recording.user(noise, 48_000)
        recording.agent(noise[::-1], 48_000)
    file = await recording.close()
    assert file.path is not None
    assert file.ended == "max_bytes"
    assert 80_000 < file.path.stat().st_size <= 100_000
    assert file.duration == pytest.approx(duration(file.path), abs=0.1)
    assert "ends" in caplog.text
    recording.user(noise, 48_000)  # the talk goes on


class SmallDisk:
    """A file on a disk that has room for so many bytes."""

    def __init__(self, file: RawFile, room: int) -> None:
        self._file = file
        self._room = room

    def write(self, data: bytes, /) -> int | None:
        fits = data[: self._room]
        if not fits:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._room -= len(fits)
        return self._file.write(fits)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()


async def test_a_full_disk_ends_the_recording_and_what_is_on_it_can_be_played(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    recording = begin(
        tmp_path / "talk", clock, create=lambda path: SmallDisk(create_file(path), 30_000)
    )
    while not recording.ended and recording.position < 60:
        user_says(recording, clock, 0.5)
    file = await recording.close()
    assert file.path is not None
    assert file.ended == "disk"
    assert "No space left" in caplog.text
    assert file.path.stat().st_size <= 30_000
    sound = played(file.path)
    assert len(sound[0]) / RATE > file.duration - 1.0
    assert near(spans(sound[0]), (0, len(sound[0]) / RATE))


async def test_no_folder_no_recording_but_a_talk(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    recording = begin(tmp_path / "file" / "talk", clock)
    user_says(recording, clock, 1.0)
    assert recording.ended
    file = await recording.close()
    assert (file.path, file.ended, file.size) == (None, "disk", 0)
    assert "talk ends" in caplog.text


async def test_a_defect_of_the_writer_ends_the_recording_only(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    def create(path: Path) -> RawFile:
        raise ZeroDivisionError

    recording = begin(tmp_path / "talk", clock, create=create)
    user_says(recording, clock, 1.0)
    assert (await recording.close()).ended == "failed"
    assert "ZeroDivisionError" in caplog.text


class StuckDisk:
    """A file whose writes wait until the disk goes on."""

    def __init__(self, file: RawFile) -> None:
        self._file = file
        self.goes_on = threading.Event()
        self.stuck = threading.Event()

    def write(self, data: bytes, /) -> int | None:
        self.stuck.set()
        assert self.goes_on.wait(20)
        return self._file.write(data)

    def seek(self, offset: int, whence: int = 0, /) -> int:
        return self._file.seek(offset, whence)

    def close(self) -> None:
        self._file.close()


async def test_a_slow_disk_costs_sound_on_the_record_which_is_counted_and_nothing_else(
    tmp_path: Path, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    disks: list[StuckDisk] = []
    opened = threading.Event()

    def create(path: Path) -> RawFile:
        disks.append(StuckDisk(create_file(path)))
        opened.set()
        return disks[0]

    with ThreadPoolExecutor(1) as threads:
        recording = begin(tmp_path / "talk", clock, threads=threads, create=create)
        user_says(recording, clock, 1.0)
        assert await asyncio.to_thread(opened.wait, 10)
        assert await asyncio.to_thread(disks[0].stuck.wait, 10)
        user_says(recording, clock, 30.0)
        disks[0].goes_on.set()
        # There is one thread: it has caught up when it comes to this.
        await asyncio.wrap_future(threads.submit(lambda: None))
        user_says(recording, clock, 1.0)
        file = await recording.close()

    assert file.path is not None
    assert 9 < file.dropped < 11.5
    assert "sound comes faster than it can be written" in caplog.text
    assert f"lacks {file.dropped:.1f} s" in caplog.text
    # What was kept is where it belongs, and so is what came afterwards.
    found = spans(played(file.path)[0])
    assert found[0][0] < 0.02
    assert found[-1][1] == pytest.approx(32, abs=0.02)
    assert sum(end - start for start, end in found) == pytest.approx(32 - file.dropped, abs=0.1)


async def test_a_disk_that_hangs_does_not_hold_up_the_end_of_a_talk(
    tmp_path: Path,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "CLOSE_TIMEOUT", 0.05)
    hangs = threading.Event()

    def create(path: Path) -> RawFile:
        assert hangs.wait(20)
        return create_file(path)

    with ThreadPoolExecutor(1) as threads:
        recording = begin(tmp_path / "talk", clock, threads=threads, create=create)
        user_says(recording, clock, 1.0)
        assert (await recording.close()).ended == ""
        assert "has not taken its end" in caplog.text
        hangs.set()
    assert (await recording.close()).ended == "closed"


async def test_a_user_who_sends_much_more_than_time_passes_is_bounded(
    tmp_path: Path, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_AHEAD", 5.0)
    recording = begin(tmp_path / "talk", clock)
    second = np.zeros(16_000, np.int16)
    for _ in range(60):
        clock.advance(0.01)
        recording.user(second, 16_000)
    file = await recording.close()
    assert file.duration + file.dropped == pytest.approx(60, abs=1)
    assert 5 < file.duration < 7.5


async def test_nothing_is_taken_after_the_end(tmp_path: Path, clock: ManualClock) -> None:
    recording = begin(tmp_path / "talk", clock)
    user_says(recording, clock, 0.5)
    file = await recording.close()
    user_says(recording, clock, 0.5)
    recording.agent(tone(AGENT, 0.1), 16_000)
    assert recording.ended
    assert clock.pending == 0
    assert await recording.close() == file
