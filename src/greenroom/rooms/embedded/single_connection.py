"""One peer connection for both directions, all offers by the client."""

from __future__ import annotations

from livekit.protocol import rtc

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.embedded.connection import (
    ConnectionOwner,
    DataLink,
    NewPeer,
    SenderTable,
)
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import ChannelLabel, Peer, Receiver, Sender, TransportState


class SingleConnection:
    """One peer connection, all offers by the client (`/rtc/v1`).

    Where tracks have no media section, the client is told how many it is to add, once per shortage;
    it offers again then. What it was told and did not do within `retry` seconds is told again, a
    few times.
    """

    subscriber_primary = False

    def __init__(
        self, owner: ConnectionOwner, new_peer: NewPeer, clock: Clock, *, retry: float
    ) -> None:
        self._owner = owner
        self._clock = clock
        self._retry = retry
        self._peer = new_peer(self)
        self._tracks = SenderTable(self._peer)
        self._data = DataLink(self._peer)
        self._soon: Timer | None = None
        self._again: Timer | None = None
        self._attempts = 0
        self._asked = (0, 0)
        self._waits_for_offer = False
        self._described = False
        self._closed = False

    @property
    def state(self) -> TransportState:
        """See Connection."""
        return self._peer.state

    def take_offer(self, offer: rtc.SessionDescription) -> None:
        """See Connection."""
        before = self._peer.missing_sections()
        try:
            sdp = self._peer.answer(offer.sdp)
        except InvalidDescription as error:
            self._owner.on_refused(error)
            return
        self._described = True
        answer = rtc.SessionDescription(type="answer", sdp=sdp, id=offer.id)
        answer.mid_to_track_id.update(self._tracks.by_mid())
        self._owner.signal(rtc.SignalResponse(answer=answer))
        # an offer that was under way when the client was asked for sections has none of them yet
        after = self._peer.missing_sections()
        self._asked = (
            min(after[0], max(0, self._asked[0] - max(0, before[0] - after[0]))),
            min(after[1], max(0, self._asked[1] - max(0, before[1] - after[1]))),
        )
        self._waits_for_offer = False
        self._attempts = 0
        self._owner.on_described()
        self.negotiate()

    def take_answer(self, answer: rtc.SessionDescription) -> None:
        """The client makes every offer: there is nothing to answer."""

    def can_send(self, sender: Sender) -> bool:
        """See Connection."""
        return self._peer.can_send(sender)

    def receiving_peer(self) -> Peer:
        """See Connection."""
        return self._peer

    def add_sender(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """See Connection."""
        sender = self._tracks.add(codec, stream_id, sid)
        self.negotiate()
        return sender

    def remove_sender(self, sid: str) -> None:
        """See Connection."""
        if self._tracks.remove(sid):
            self.negotiate()

    def negotiate(self) -> None:
        """See Connection."""
        if self._soon is None and not self._closed:
            self._soon = self._clock.call_at(self._clock.time(), self._require)

    def _require(self) -> None:
        self._soon = None
        if self._closed or not self._described or not self._peer.needs_description():
            return
        missing = self._peer.missing_sections()
        audio, video = (max(0, missing[n] - self._asked[n]) for n in (0, 1))
        if not (audio or video) and (self._waits_for_offer or any(self._asked)):
            return
        # with none missing it is only to offer: sections are to be freed, or are free again
        self._waits_for_offer = True
        self._asked = (self._asked[0] + audio, self._asked[1] + video)
        self._owner.signal(
            rtc.SignalResponse(
                media_sections_requirement=rtc.MediaSectionsRequirement(
                    num_audios=audio, num_videos=video
                )
            )
        )
        if self._again is not None:
            self._again.cancel()
        self._again = self._clock.call_at(self._clock.time() + self._retry, self._unheard)

    def _unheard(self) -> None:
        self._again = None
        self._attempts += 1
        if self._attempts <= 3:
            self._asked = (0, 0)
            self._waits_for_offer = False
            self._require()

    def resume(self) -> None:
        """See Connection."""
        self._asked = (0, 0)
        self._waits_for_offer = False
        self._attempts = 0
        # the client offers by itself when it is back; if not, it is asked after a while
        if self._again is not None:
            self._again.cancel()
        self._again = self._clock.call_at(self._clock.time() + self._retry, self._unheard)

    def send(self, label: ChannelLabel, payload: bytes) -> bool:
        """See Connection."""
        return self._data.send(label, payload)

    def close(self) -> None:
        """See Connection."""
        self._closed = True
        for timer in (self._soon, self._again):
            if timer is not None:
                timer.cancel()
        self._soon = self._again = None
        self._peer.close()

    def on_state(self, state: TransportState) -> None:
        """See PeerEvents."""
        if not self._closed:
            self._owner.on_media_state(state)

    def on_receiver(self, receiver: Receiver) -> None:
        """See PeerEvents."""
        self._owner.on_receiver(receiver)

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """See PeerEvents."""
        if not self._closed:
            self._owner.on_receiver_ended(receiver)

    def on_channel(self, label: ChannelLabel) -> None:
        """See PeerEvents."""
        self._data.opened(label)

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        """See PeerEvents."""
        if not self._closed:
            self._owner.on_data(label, payload)
