"""Somebody who watches: one peer connection, to which one sound and one picture are sent."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TypeAlias

from greenroom.rooms.rtc.media import MediaSource
from greenroom.rooms.rtc.ports import (
    ChannelLabel,
    Peer,
    PeerEvents,
    Receiver,
    Sender,
    TransportState,
)
from greenroom.rooms.whep.errors import CodecNotOffered

NewPeer: TypeAlias = Callable[[PeerEvents], Peer]
"""Makes a peer connection that reports to the events given."""

STREAM = "avatar"
"""The media stream of both tracks: receivers play tracks of one stream in step."""


class Viewer:
    """Made by an offer; ended by `close`, or by itself (then `on_gone` is told).

    `answer` is what the offer is answered by. Raises InvalidDescription, CodecNotOffered; nothing
    is left then.
    """

    def __init__(
        self,
        offer: str,
        new_peer: NewPeer,
        sound: MediaSource,
        picture: MediaSource,
        on_gone: Callable[[Viewer], None],
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self._on_gone = on_gone
        self._codec = picture.codec.name
        self._closed = False
        self._peer = new_peer(self)
        try:
            voice = self._peer.add_sender(sound.codec, stream_id=STREAM, track_id="voice")
            video = self._peer.add_sender(picture.codec, stream_id=STREAM, track_id="picture")
            self.answer = self._answer(offer, video)
        except BaseException:
            self.close()
            raise
        voice.set_source(sound)
        video.set_source(picture)

    def _answer(self, offer: str, video: Sender) -> str:
        answer = self._peer.answer(offer)
        if video.mid is None:
            raise CodecNotOffered(self._codec)
        return answer

    def close(self) -> None:
        """Send no more. Harmless twice."""
        self._closed = True
        self._peer.close()

    # What the peer connection tells: see PeerEvents.

    def on_state(self, state: TransportState) -> None:
        """A viewer whose connection is given up is gone."""
        if state in {"failed", "closed"} and not self._closed:
            self.close()
            self._on_gone(self)

    def on_receiver(self, receiver: Receiver) -> None:
        """What a viewer sends is not used."""

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """Nothing to end."""

    def on_channel(self, label: ChannelLabel) -> None:
        """Channels are not used."""

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        """Messages are not used."""
