"""What an agent hears and sees in an embedded room: people's tracks, decoded for who asked."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from greenroom.errors import InvalidInput
from greenroom.providers.clock import Clock
from greenroom.rooms.ports import PictureListener, SoundListener, TrackKind
from greenroom.rooms.rtc.agent_media.picture_sink import PictureSink
from greenroom.rooms.rtc.agent_media.sound_sink import SoundSink
from greenroom.rooms.rtc.media import MediaPacket, MediaSource

_log = logging.getLogger(__name__)


class _Sink(Protocol):
    def write(self, packet: MediaPacket) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class _Track:
    identity: str
    kind: TrackKind
    source: MediaSource
    muted: bool
    sinks: list[_Sink] = field(default_factory=list)


class Senses:
    """Connects every listener with every track. A track that is muted is not decoded."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ears: list[tuple[SoundListener, int]] = []
        self._eyes: list[PictureListener] = []
        self._tracks: dict[str, _Track] = {}

    def hear(self, listener: SoundListener, rate: int) -> None:
        """Hand over all sound from now on, at `rate` Hz."""
        self._ears.append((listener, rate))
        for track in self._tracks.values():
            if track.kind == "audio" and not track.muted:
                self._add(track, self._ear(track, listener, rate))

    def watch(self, listener: PictureListener) -> None:
        """Hand over all pictures from now on."""
        self._eyes.append(listener)
        for track in self._tracks.values():
            if track.kind == "video" and not track.muted:
                self._show(track, listener)

    def begin(
        self, sid: str, identity: str, kind: TrackKind, source: MediaSource, *, muted: bool
    ) -> None:
        """A track of somebody to be heard or seen."""
        self.end(sid)
        track = self._tracks[sid] = _Track(identity, kind, source, muted)
        if not muted:
            self._connect(track)

    def mute(self, sid: str, muted: bool) -> None:
        """Stop decoding a track, or begin again; nothing where it isn't one of these."""
        track = self._tracks.get(sid)
        if track is None or track.muted == muted:
            return
        track.muted = muted
        if muted:
            self._disconnect(track)
        else:
            self._connect(track)

    def end(self, sid: str) -> None:
        """A track is gone; harmless where it isn't one of these."""
        track = self._tracks.pop(sid, None)
        if track is not None:
            self._disconnect(track)

    def close(self) -> None:
        """All tracks are gone."""
        for sid in list(self._tracks):
            self.end(sid)

    def _connect(self, track: _Track) -> None:
        if track.kind == "audio":
            for listener, rate in self._ears:
                self._add(track, self._ear(track, listener, rate))
        else:
            for viewer in self._eyes:
                self._show(track, viewer)

    def _ear(self, track: _Track, listener: SoundListener, rate: int) -> _Sink:
        return SoundSink(rate, partial(listener, track.identity), self._clock)

    def _show(self, track: _Track, listener: PictureListener) -> None:
        try:
            self._add(track, self._eye(track, listener))
        except InvalidInput as error:
            _log.info("a picture of %s can't be decoded: %s", track.identity, error)

    def _eye(self, track: _Track, listener: PictureListener) -> _Sink:
        return PictureSink(
            track.source.codec,
            partial(listener, track.identity),
            self._clock,
            track.source.request_keyframe,
        )

    @staticmethod
    def _add(track: _Track, sink: _Sink) -> None:
        track.sinks.append(sink)
        track.source.add_sink(sink)

    @staticmethod
    def _disconnect(track: _Track) -> None:
        sinks, track.sinks = track.sinks, []
        for sink in sinks:
            track.source.remove_sink(sink)
            sink.close()
