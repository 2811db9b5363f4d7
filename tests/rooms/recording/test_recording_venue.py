"""An avatar's session on the record, as FFmpeg plays it: sound and picture are in time."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from audio.sounds import tone
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording.service import Recordings
from greenroom.rooms.recording.venue import RecordingVenue
from greenroom.rooms.rtc.media import AV1, H264, VP8, Codec
from greenroom.rooms.venue import VENUE_RATE, VenuePicture
from greenroom.settings import RecordingSettings
from greenroom.testing.clock import ManualClock
from rooms.recording.recorded import AGENT, near, played, spans
from rooms.recording.test_recorded_pictures import FLASH, HEIGHT, RATE, WIDTH, pictures, seen

SOUND = tone(AGENT, 1 / RATE, VENUE_RATE)


@pytest.fixture
def recordings(tmp_path: Path) -> Recordings:
    return Recordings(
        RecordingSettings(enabled=True), tmp_path, now=lambda: datetime(2026, 1, 2, tzinfo=UTC)
    )


def begin(recordings: Recordings, clock: ManualClock, codec: Codec, **settings: Any) -> Any:
    picture = VenuePicture(codec, WIDTH, HEIGHT, RATE)
    return RecordingVenue.begin(recordings, "session", settings, picture, clock=clock)


async def play(
    venue: RecordingVenue, clock: ManualClock, codec: Codec, heard: dict[int, int], late: float = 0
) -> None:
    """Show the pictures; `heard` are samples of sound by the picture that they begin with.

    Picture FLASH, with which all turns white, is handed over `late` seconds late.
    """
    for number, (data, keyframe) in enumerate(pictures(codec.name)):
        lateness = late if number == FLASH else 0.0
        clock.advance(lateness)
        if number in heard:
            venue.play(SOUND[: heard[number]])
        venue.show(EncodedFrame(data, 500 + number / RATE, keyframe))
        await asyncio.sleep(0)
        clock.advance(1 / RATE - lateness)


def file_of(recordings: Recordings) -> Path:
    [path] = recordings.directory.glob("2026-01-02/session.*")
    return path


WHOLE = len(SOUND)


@pytest.mark.parametrize(("codec", "suffix"), [(VP8, ".webm"), (H264, ".mkv"), (AV1, ".webm")])
async def test_lips_and_voice_are_in_time_on_the_file(
    recordings: Recordings, codec: Codec, suffix: str
) -> None:
    clock = ManualClock()
    venue = begin(recordings, clock, codec)
    assert venue.name == "recording"
    assert venue.keyframe_wanted
    clock.advance(0.4)
    await play(venue, clock, codec, dict.fromkeys(range(FLASH, 75), WHOLE), late=0.03)
    assert not venue.keyframe_wanted
    await venue.close()
    await venue.close()
    path = file_of(recordings)
    assert path.suffix == suffix
    flash = next(time for time, white in seen(path) if white)
    assert flash == pytest.approx(0.4 + FLASH / RATE, abs=0.002)
    sound = played(path)
    assert near(spans(sound[1]), (flash, 3.4))
    assert not spans(sound[0])  # the user's side
    await recordings.close()


async def test_short_pauses_between_words_do_not_let_the_voice_run_ahead(
    recordings: Recordings,
) -> None:
    clock = ManualClock()
    venue = begin(recordings, clock, VP8)
    # Half a picture's sound with each, so that half of it is silent: 20 ms, twenty-five times.
    await play(venue, clock, VP8, dict.fromkeys(range(FLASH, 75), WHOLE // 2))
    await venue.close()
    found = spans(played(file_of(recordings))[1])
    expected = [((n / RATE), (n + 0.5) / RATE) for n in range(FLASH, 75)]
    assert near(found, *expected)
    await recordings.close()


async def test_what_was_interrupted_is_not_heard(recordings: Recordings) -> None:
    clock = ManualClock()
    venue = begin(recordings, clock, VP8)
    venue.play(SOUND)
    venue.flush()
    await play(venue, clock, VP8, {FLASH: WHOLE})
    venue.play(SOUND)  # without a picture
    await asyncio.sleep(0)
    clock.advance(0.5)
    await venue.close()
    found = spans(played(file_of(recordings))[1])
    assert near(found, (FLASH / RATE, (FLASH + 1) / RATE), (3.0, 3.04))
    await recordings.close()


async def test_a_session_that_opts_out_is_not_recorded(recordings: Recordings) -> None:
    assert begin(recordings, ManualClock(), VP8, metadata={"recording": False}) is None
    await recordings.close()
