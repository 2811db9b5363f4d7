"""The part of a recording that runs in a thread: mixes, encodes and writes."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import av

from greenroom.audio.pcm import Pcm
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.recording.container import FRAME, Container
from greenroom.rooms.recording.mixer import Mixer
from greenroom.rooms.recording.placement import RATE
from greenroom.rooms.recording.sink import OpenFile, Sink
from greenroom.rooms.recording.video import VideoFormat
from greenroom.settings import RecordingSettings

log = logging.getLogger(__name__)

MOST_TALKS = 1_000
"""Recordings of one session."""
KEYFRAME_WAIT = RATE
"""Samples that a header waits for the picture's first keyframe, where it needs that."""

End = Literal["", "closed", "max_bytes", "disk", "failed"]
"""Why nothing more is written; empty while something is."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Samples of one side and their place; see `mixer.Side.put`."""

    agent: bool
    start: int
    pcm: Pcm
    rate: int
    follows: bool


class RecordingWriter:
    """Writes one recording, for one thread at a time; what goes wrong ends it and is logged.

    `stem` is the path without what tells the talks of a session apart and without a suffix.
    """

    def __init__(
        self,
        stem: Path,
        settings: RecordingSettings,
        video: VideoFormat | None,
        create_file: OpenFile,
    ) -> None:
        self._stem = stem
        self._settings = settings
        self._video = video
        self._create_file = create_file
        self._mixer = Mixer()
        self._pictures: list[tuple[float, EncodedFrame]] = []
        self._sink: Sink | None = None
        self._container: Container | None = None
        self._muxed = 0
        self.path: Path | None = None
        """Where it is; None: nothing is written yet."""
        self.ended: End = ""

    @property
    def duration(self) -> float:
        """Seconds that are written."""
        return self._mixer.position / RATE

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._sink.size if self._sink is not None else 0

    def write(
        self,
        sounds: Iterable[Sound],
        pictures: Sequence[tuple[float, EncodedFrame]],
        until: int,
        *,
        close: bool = False,
    ) -> None:
        """Take sound and pictures, and write what lies before position `until`.

        With `close` exactly up to there, and then the file's end.
        """
        if self.ended:
            return
        for sound in sounds:
            side = self._mixer.agent if sound.agent else self._mixer.user
            side.put(sound.start, sound.pcm, sound.rate, follows=sound.follows)
        self._pictures += pictures
        try:
            if self._container is None and not self._begin(until, close=close):
                return
            self._write_until(until, to_the_sample=close)
            if close:
                self._finish("closed")
        except (OSError, av.FFmpegError) as error:
            self._fail("disk" if isinstance(error, OSError) else "failed", error)
        except Exception as error:  # noqa: BLE001 - a defect here must end the recording only
            self._fail("failed", error)

    def _begin(self, until: int, *, close: bool) -> bool:
        """Write the header, unless it can be had better a little later."""
        first = self._pictures[0][1] if self._pictures else None
        waits = self._video is not None and self._video.parameters_in_header and first is None
        if waits and until < KEYFRAME_WAIT and not close:
            return False
        matroska = self._video is not None and self._video.needs_matroska
        suffix = ".mkv" if matroska else ".webm"
        for number in itertools.count(1):
            name = self._stem.name if number == 1 else f"{self._stem.name}-{number}"
            path = self._stem.with_name(name + suffix)
            try:
                self._sink = Sink(self._create_file(path))
            except FileExistsError:
                if number == MOST_TALKS:
                    raise
                continue
            break
        assert self._sink is not None  # noqa: S101 - the loop ends with one or by an error
        self.path = path
        self._container = Container(self._sink, self._settings.bitrate, self._video, first)
        return True

    def _write_until(self, until: int, *, to_the_sample: bool) -> None:
        while not self.ended and (left := until - self._mixer.position) > 0:
            if left < FRAME and not to_the_sample:
                return
            self._write_pictures((self._mixer.position + min(left, FRAME)) / RATE)
            self._write_sound(min(left, FRAME))
            self._check()

    def _write_sound(self, samples: int) -> None:
        assert self._container is not None  # noqa: S101
        self._container.write_sound(self._mixer.take(samples))
        self._muxed += self._settings.bitrate * samples // (8 * RATE) + 16

    def _write_pictures(self, before: float) -> None:
        assert self._container is not None  # noqa: S101
        due = [picture for picture in self._pictures if picture[0] < before]
        del self._pictures[: len(due)]
        for position, frame in due:
            self._container.write_picture(frame, position)
            self._muxed += len(frame.data) + 16

    def _check(self) -> None:
        assert self._sink is not None  # noqa: S101
        if self._sink.error is not None:
            self._fail("disk", self._sink.error)
            return
        # The end lists the clusters: some 24 bytes for each, five a second.
        end = 4_096 + int(120 * self.duration)
        if max(self._sink.size, self._muxed) + end >= self._settings.max_bytes:
            log.warning("recording %s has reached %d bytes and ends", self.path, self._sink.size)
            self._finish("max_bytes")

    def _finish(self, why: End) -> None:
        assert self._container is not None and self._sink is not None  # noqa: S101, PT018
        container, self._container = self._container, None
        container.close()
        self._sink.close()
        if self._sink.error is not None:
            raise self._sink.error
        self._release(why)

    def _fail(self, why: End, error: Exception) -> None:
        """The talk goes on; what is written stays."""
        self._release(why)
        if isinstance(error, OSError):
            log.error("recording %s ends: %s", self.path or self._stem, error)
        else:
            log.error("recording %s ends", self.path or self._stem, exc_info=error)
        container, self._container = self._container, None
        if container is not None:
            try:
                container.close()
            except (OSError, av.FFmpegError):
                log.debug("the end of %s could not be written", self.path)
        if self._sink is not None:
            self._sink.close()

    def _release(self, why: End) -> None:
        self.ended = why
        self._pictures.clear()
        position = self._mixer.position
        self._mixer = Mixer()
        self._mixer.position = position
