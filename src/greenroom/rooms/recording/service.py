"""Which sessions are recorded, and where their recordings are.

`<directory>/<yyyy-mm-dd>/<session id>.webm`, by the day (UTC) on which the recording began; the
second talk of a session, after a reconnect, is `<session id>-2.webm`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from greenroom.providers.clock import Clock
from greenroom.rooms.recording.recording import Recording
from greenroom.rooms.recording.sink import OpenFile, create_file
from greenroom.rooms.recording.video import VideoFormat
from greenroom.settings import RecordingSettings

log = logging.getLogger(__name__)

THREADS = 2
"""That all recordings share. One thread writes some hundred of them."""

_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def is_opted_out(settings: Mapping[str, Any]) -> bool:
    """Whether a session says `{"recording": false}`.

    In its `metadata`, or in the `preferences` of itself or of its `context`.
    """
    context = settings.get("context")
    places = [settings, settings.get("metadata"), settings.get("preferences")]
    if isinstance(context, Mapping):
        places += [context, context.get("preferences")]
    return any(isinstance(place, Mapping) and place.get("recording") is False for place in places)


class Recordings:
    """One per process. Its owner closes it, after the talks that are recorded have ended."""

    def __init__(
        self,
        settings: RecordingSettings,
        data_dir: Path,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        create: OpenFile = create_file,
    ) -> None:
        self._settings = settings
        self._now = now
        self._create = create
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="recording")
        self._open: list[Recording] = []
        self.directory = settings.directory or data_dir / "recordings"

    def begin(
        self,
        session_id: str,
        session_settings: Mapping[str, Any],
        *,
        clock: Clock,
        video: VideoFormat | None = None,
        asked: bool = False,
    ) -> Recording | None:
        """Record a talk of a session from now on; close the recording when the talk ends.

        None where the session has opted out, or where recording is off and is not `asked` for.
        """
        if not (self._settings.enabled or asked) or is_opted_out(session_settings):
            return None
        if not _SAFE.fullmatch(session_id):
            log.error("session %r is not recorded: its id is no file name", session_id)
            return None
        self._open = [recording for recording in self._open if not recording.ended]
        recording = Recording(
            self.directory / f"{self._now():%Y-%m-%d}" / session_id,
            self._settings,
            clock=clock,
            threads=self._threads,
            video=video,
            create=self._create,
        )
        self._open.append(recording)
        return recording

    async def find(self, session_id: str) -> list[Path]:
        """A session's recordings, the oldest first, those that are being written included."""
        if not _SAFE.fullmatch(session_id):
            return []
        return await asyncio.to_thread(self._find, session_id)

    def _find(self, session_id: str) -> list[Path]:
        name = re.compile(re.escape(session_id) + r"(?:-(\d{1,4}))?\.(?:webm|mkv)")
        found = [
            (path.parent.name, int(match[1] or 1), path)
            for path in self.directory.glob(f"????-??-??/{session_id}*")
            if (match := name.fullmatch(path.name))
        ]
        return [path for _, _, path in sorted(found)]

    async def close(self) -> None:
        """End what is still recorded, and the threads. Harmless twice."""
        for recording in self._open:
            await recording.close()
        self._open.clear()
        await asyncio.to_thread(self._threads.shutdown)
