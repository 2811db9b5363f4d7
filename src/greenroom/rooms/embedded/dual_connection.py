"""Two peer connections: one that the client offers, one that the server offers."""

from __future__ import annotations

from livekit.protocol import rtc

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.embedded.connection import (
    ConnectionOwner,
    DataLink,
    NewPeer,
    SenderTable,
)
from greenroom.rooms.embedded.data_routing import LOSSY, RELIABLE
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import ChannelLabel, Peer, Receiver, Sender, TransportState


class _Half:
    """One of two peer connections: passes on what the other does not tell."""

    def __init__(self, connection: DualConnection, *, receives: bool) -> None:
        self._connection = connection
        self._receives = receives

    def on_state(self, state: TransportState) -> None:
        if self._receives:
            self._connection.on_state(state)

    def on_receiver(self, receiver: Receiver) -> None:
        if not self._receives:
            self._connection.owner.on_receiver(receiver)

    def on_receiver_ended(self, receiver: Receiver) -> None:
        if not self._receives and not self._connection.closed:
            self._connection.owner.on_receiver_ended(receiver)

    def on_channel(self, label: ChannelLabel) -> None:
        if self._receives:
            self._connection.data.opened(label)

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        if not self._connection.closed:
            self._connection.owner.on_data(label, payload)


class DualConnection:
    """Two peer connections (`/rtc`): the client offers what it publishes, the server the rest.

    The server opens the data channels that the client receives on; the client's own come with its
    offer. One offer is under way at a time: what changes meanwhile is offered when it is answered.
    `timeout`, in seconds, bounds how long an answer may take.
    """

    subscriber_primary = True

    def __init__(
        self, owner: ConnectionOwner, new_peer: NewPeer, clock: Clock, *, timeout: float
    ) -> None:
        self.owner = owner
        self.closed = False
        self._new_peer = new_peer
        self._clock = clock
        self._timeout = timeout
        self._publisher: Peer | None = None
        self._subscriber = new_peer(_Half(self, receives=True))
        self._tracks = SenderTable(self._subscriber)
        self.data = DataLink(self._subscriber)
        self._subscriber.open_channel(RELIABLE, ordered=True, max_retransmits=None)
        self._subscriber.open_channel(LOSSY, ordered=False, max_retransmits=0)
        self._soon: Timer | None = None
        self._unanswered: Timer | None = None
        self._offers = 0
        self._dirty = False

    @property
    def state(self) -> TransportState:
        """See Connection."""
        return self._subscriber.state

    def take_offer(self, offer: rtc.SessionDescription) -> None:
        """See Connection."""
        try:
            sdp = self.receiving_peer().answer(offer.sdp)
        except InvalidDescription as error:
            self.owner.on_refused(error)
            return
        answer = rtc.SessionDescription(type="answer", sdp=sdp, id=offer.id)
        self.owner.signal(rtc.SignalResponse(answer=answer))
        self.owner.on_described()

    def receiving_peer(self) -> Peer:
        """See Connection. Made when the client announces or offers its first track."""
        if self._publisher is None:
            self._publisher = self._new_peer(_Half(self, receives=False))
        return self._publisher

    def take_answer(self, answer: rtc.SessionDescription) -> None:
        """See Connection."""
        if self._unanswered is None or answer.id not in {0, self._offers}:
            return  # of an offer before the last, or of none
        self._unanswered.cancel()
        self._unanswered = None
        try:
            self._subscriber.accept(answer.sdp)
        except InvalidDescription as error:
            self.owner.on_refused(error)
            return
        self.owner.on_described()
        if self._dirty:
            self.negotiate()

    def can_send(self, sender: Sender) -> bool:
        """See Connection."""
        return self._subscriber.can_send(sender)

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
        self._dirty = True
        if self._soon is None and self._unanswered is None and not self.closed:
            self._soon = self._clock.call_at(self._clock.time(), self._offer)

    def _offer(self) -> None:
        self._soon = None
        if self.closed:
            return
        self._dirty = False
        if not self._subscriber.needs_description():
            return
        self._offers += 1
        self._unanswered = self._clock.call_at(
            self._clock.time() + self._timeout, self.owner.on_unanswered
        )
        offer = rtc.SessionDescription(type="offer", sdp=self._subscriber.offer(), id=self._offers)
        offer.mid_to_track_id.update(self._tracks.by_mid())
        self.owner.signal(rtc.SignalResponse(offer=offer))

    def resume(self) -> None:
        """See Connection."""
        if self._unanswered is not None:
            self._unanswered.cancel()
            self._unanswered = None
        self._subscriber.restart_ice()
        self.negotiate()

    def send(self, label: ChannelLabel, payload: bytes) -> bool:
        """See Connection."""
        return self.data.send(label, payload)

    def close(self) -> None:
        """See Connection."""
        self.closed = True
        for timer in (self._soon, self._unanswered):
            if timer is not None:
                timer.cancel()
        self._soon = self._unanswered = None
        if self._publisher is not None:
            self._publisher.close()
        self._subscriber.close()

    def on_state(self, state: TransportState) -> None:
        """Of the subscriber's peer connection."""
        if not self.closed:
            self.owner.on_media_state(state)
