from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from greenroom.rooms.recording.service import Recordings
from greenroom.settings import RecordingSettings
from greenroom.testing.clock import ManualClock
from rooms.recording.recorded import near, played, spans, user_says

DAY = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)


class Wall:
    """The time of day."""

    def __init__(self) -> None:
        self.time = DAY

    def __call__(self) -> datetime:
        return self.time


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
async def recordings(data_dir: Path, wall: Wall) -> AsyncIterator[Recordings]:
    service = Recordings(RecordingSettings(enabled=True), data_dir, now=wall)
    yield service
    await service.close()


async def record(recordings: Recordings, session_id: str) -> Path:
    clock = ManualClock()
    recording = recordings.begin(session_id, {}, clock=clock)
    assert recording is not None
    user_says(recording, clock, 0.5)
    file = await recording.close()
    assert file.path is not None
    return file.path


async def test_a_session_is_found_under_its_day_and_its_id(
    recordings: Recordings, data_dir: Path
) -> None:
    path = await record(recordings, "sess_1")
    assert path == data_dir / "recordings" / "2026-01-02" / "sess_1.webm"
    assert near(spans(played(path)[0]), (0, 0.5))
    modes = [place.stat().st_mode & 0o777 for place in (path, *path.parents[:2])]
    assert modes == [0o600, 0o700, 0o700]
    assert await recordings.find("sess_1") == [path]


async def test_all_talks_of_a_session_are_found_the_oldest_first(
    recordings: Recordings, wall: Wall
) -> None:
    paths = [await record(recordings, "sess_1") for _ in range(11)]
    wall.time += timedelta(minutes=2)
    paths.append(await record(recordings, "sess_1"))
    await record(recordings, "sess_11")
    await record(recordings, "sess_1-x")
    assert [path.name for path in paths[:2]] == ["sess_1.webm", "sess_1-2.webm"]
    assert paths[-1].parent.name == "2026-01-03"
    assert await recordings.find("sess_1") == paths


async def test_recordings_can_be_elsewhere(data_dir: Path, tmp_path: Path, wall: Wall) -> None:
    settings = RecordingSettings(enabled=True, directory=tmp_path / "elsewhere")
    recordings = Recordings(settings, data_dir, now=wall)
    assert await recordings.find("sess_1") == []
    assert (await record(recordings, "sess_1")).parent.parent == tmp_path / "elsewhere"
    await recordings.close()
    await recordings.close()


async def test_nothing_is_recorded_where_that_is_off(data_dir: Path) -> None:
    recordings = Recordings(RecordingSettings(), data_dir)
    assert recordings.begin("sess_1", {"recording": True}, clock=ManualClock()) is None
    await recordings.close()
    assert not recordings.directory.exists()


@pytest.mark.parametrize(
    "settings",
    [
        {"recording": False},
        {"metadata": {"recording": False}},
        {"preferences": {"recording": False}},
        {"context": {"recording": False}},
        {"context": {"preferences": {"recording": False}}},
    ],
)
async def test_a_session_can_opt_out(recordings: Recordings, settings: dict[str, Any]) -> None:
    assert recordings.begin("sess_1", settings, clock=ManualClock()) is None


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"recording": None},
        {"metadata": {"recording": True}, "context": None},
        {"metadata": "recording", "preferences": [False], "context": {"preferences": 0}},
    ],
)
async def test_whatever_else_a_session_says_it_is_recorded(
    recordings: Recordings, settings: dict[str, Any]
) -> None:
    assert recordings.begin("sess_1", settings, clock=ManualClock()) is not None


@pytest.mark.parametrize(
    "session_id",
    [
        "",
        ".",
        "..",
        "../sess",
        "a/b",
        "a\\b",
        "/etc/passwd",
        "a\0b",
        ".hidden",
        "a*",
        "x" * 129,
        "a\n",
    ],
)
async def test_an_id_that_is_no_file_name_reaches_no_file(
    recordings: Recordings, session_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    await record(recordings, "a")
    assert recordings.begin(session_id, {}, clock=ManualClock()) is None
    assert "is no file name" in caplog.text
    assert await recordings.find(session_id) == []
    files = [path for path in recordings.directory.parent.rglob("*") if path.is_file()]
    assert files == [recordings.directory / "2026-01-02" / "a.webm"]


async def test_closing_ends_what_is_still_recorded(recordings: Recordings) -> None:
    clock = ManualClock()
    recording = recordings.begin("sess_1", {}, clock=clock)
    assert recording is not None
    user_says(recording, clock, 0.7)
    await recordings.close()
    assert recording.ended
    [path] = await recordings.find("sess_1")
    assert near(spans(played(path)[0]), (0, 0.7))
    assert clock.pending == 0
