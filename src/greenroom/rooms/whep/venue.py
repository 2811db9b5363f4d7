"""An avatar before viewers who watch it alone, each over a connection of their own."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.audio.pcm import Pcm
from greenroom.errors import CapacityExceeded
from greenroom.providers.clock import Clock
from greenroom.rooms.in_step import InStep
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.agent_media.picture_source import PictureSource
from greenroom.rooms.rtc.agent_media.sound_source import SoundSource
from greenroom.rooms.venue import VENUE_RATE, VenuePicture
from greenroom.rooms.whep.viewer import NewPeer, Viewer


class WhepVenue:
    """A `rooms.venue.Venue`. All viewers are sent the same encoded sound and picture.

    While nobody watches, what it is given costs nothing. `on_closed` is told once, at its end.
    """

    def __init__(
        self,
        picture: VenuePicture,
        clock: Clock,
        new_peer: NewPeer,
        *,
        max_viewers: int,
        on_closed: Callable[[WhepVenue], None],
    ) -> None:
        self._new_peer, self._max_viewers, self._on_closed = new_peer, max_viewers, on_closed
        self._sound = SoundSource(VENUE_RATE, clock)
        self._picture = PictureSource(picture.codec, clock)
        self._tracks = InStep(self._sound, self._picture, clock, rate=VENUE_RATE)
        self._viewers: dict[str, Viewer] = {}
        self._closed = False

    @property
    def name(self) -> str:
        """As the port says."""
        return "watch"

    @property
    def viewers(self) -> int:
        """How many watch."""
        return len(self._viewers)

    @property
    def keyframe_wanted(self) -> bool:
        """As the port says."""
        return bool(self._viewers) and self._tracks.keyframe_wanted

    def watch(self, offer: str) -> Viewer:
        """Let somebody watch from now on.

        Raises CapacityExceeded, InvalidDescription, CodecNotOffered.
        """
        if len(self._viewers) >= self._max_viewers:
            raise CapacityExceeded("viewers", self._max_viewers)
        viewer = Viewer(offer, self._new_peer, self._sound, self._picture, self._forget)
        self._viewers[viewer.id] = viewer
        return viewer

    def leave(self, viewer_id: str) -> bool:
        """Somebody watches no more; False where nobody of this id does."""
        viewer = self._viewers.pop(viewer_id, None)
        if viewer is not None:
            viewer.close()
        return viewer is not None

    def play(self, pcm: Pcm) -> None:
        """As the port says."""
        if self._viewers:
            self._tracks.play(pcm)

    def show(self, frame: EncodedFrame) -> None:
        """As the port says."""
        if self._viewers:
            self._tracks.show(frame)

    def flush(self) -> None:
        """As the port says."""
        self._tracks.flush()

    async def close(self) -> None:
        """As the port says."""
        self.end()

    def end(self) -> None:
        """As `close`, at once."""
        if self._closed:
            return
        self._closed = True
        self._tracks.close()
        for viewer in self._viewers.values():
            viewer.close()
        self._viewers.clear()
        self._sound.close()
        self._picture.close()
        self._on_closed(self)

    def _forget(self, viewer: Viewer) -> None:
        self._viewers.pop(viewer.id, None)
