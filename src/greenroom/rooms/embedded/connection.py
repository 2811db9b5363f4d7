"""A client's peer connections: who offers when, and what is sent on which."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from livekit.protocol import rtc

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.embedded.data_routing import LOSSY, RELIABLE
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.ports import (
    ChannelLabel,
    Peer,
    PeerEvents,
    Receiver,
    Sender,
    TransportState,
)

NewPeer = Callable[[PeerEvents], Peer]

MAX_WAITING_BYTES = 262_144
"""Of reliable data for a client whose channel has not opened yet."""

_MAX_CODECS = 64

_RTPMAP = re.compile(r"^a=rtpmap:\d+ ([^/\s]{1,32})/", re.MULTILINE)


class ConnectionOwner(Protocol):
    """Who is told what happens on the peer connections."""

    def signal(self, message: rtc.SignalResponse) -> None:
        """Send to the client."""
        ...

    def on_media_state(self, state: TransportState) -> None:
        """Of the peer connection that the client receives on."""
        ...

    def on_receiver(self, receiver: Receiver) -> None:
        """The client's description has a new track."""
        ...

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """The client's description has a track no more."""
        ...

    def on_described(self) -> None:
        """An offer of the client was answered: all its tracks are known."""
        ...

    def on_data(self, label: ChannelLabel, payload: bytes) -> None:
        """A message from the client."""
        ...

    def on_refused(self, error: InvalidDescription) -> None:
        """A description of the client's can't be used."""
        ...

    def on_unanswered(self) -> None:
        """The client did not answer an offer in time."""
        ...


class Connection(Protocol):
    """A client's peer connections, one or two."""

    @property
    def state(self) -> TransportState:
        """Of the peer connection that the client receives on."""
        ...

    @property
    def subscriber_primary(self) -> bool:
        """What JoinResponse says: whether the server offers first."""
        ...

    def take_offer(self, offer: rtc.SessionDescription) -> None:
        """The client's offer, answered at once."""
        ...

    def take_answer(self, answer: rtc.SessionDescription) -> None:
        """The client's answer."""
        ...

    def expect(self, sdp: str) -> None:
        """An offer that is to be taken soon: what it says about codecs counts from now on."""
        ...

    def takes(self, codec: Codec) -> bool:
        """Whether the client can receive a codec, as far as its descriptions tell."""
        ...

    def add_sender(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """A track to send; negotiation follows by itself, once for all that are added now."""
        ...

    def remove_sender(self, sid: str) -> None:
        """Send a track no more."""
        ...

    def sender(self, sid: str) -> Sender | None:
        """By the track's id."""
        ...

    def negotiate(self) -> None:
        """Describe what has changed, soon."""
        ...

    def resume(self) -> None:
        """The client lost its signalling connection and is back; offers begin anew."""
        ...

    def send(self, label: ChannelLabel, payload: bytes) -> bool:
        """Send data, or keep it until the channel is open. False: the client does not read."""
        ...

    def close(self) -> None:
        """End it."""
        ...


class DataLink:
    """Data to a client; what is reliable waits, bounded, until its channel is open."""

    __slots__ = ("_opened", "_peer", "_waiting", "_waiting_bytes")

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._opened: set[ChannelLabel] = set()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0

    def opened(self, label: ChannelLabel) -> None:
        """A channel is open: send what waits for it."""
        self._opened.add(label)
        if label == RELIABLE:
            waiting, self._waiting = self._waiting, []
            for payload in waiting:
                self._peer.send_message(label, payload)

    def send(self, label: ChannelLabel, payload: bytes) -> bool:
        """See Connection."""
        if label in self._opened:
            return self._peer.send_message(label, payload)
        if label == RELIABLE:
            self._waiting_bytes += len(payload)
            if self._waiting_bytes > MAX_WAITING_BYTES:
                return False
            self._waiting.append(payload)
        return True


class _Tracks:
    """The senders of a peer connection by track id, and what codecs the client has named."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._senders: dict[str, Sender] = {}
        self._codecs: set[str] = set()

    def described(self, sdp: str) -> None:
        if len(self._codecs) < _MAX_CODECS:
            names = {name.lower() for name in _RTPMAP.findall(sdp)}
            self._codecs.update(sorted(names)[:_MAX_CODECS])

    def takes(self, codec: Codec) -> bool:
        return not self._codecs or codec.name in self._codecs

    def add(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        sender = self._peer.add_sender(codec, stream_id=stream_id, track_id=sid)
        self._senders[sid] = sender
        return sender

    def remove(self, sid: str) -> bool:
        sender = self._senders.pop(sid, None)
        if sender is not None:
            self._peer.remove_sender(sender)
        return sender is not None

    def get(self, sid: str) -> Sender | None:
        return self._senders.get(sid)

    @property
    def unplaced(self) -> bool:
        return any(sender.mid is None for sender in self._senders.values())

    def by_mid(self) -> dict[str, str]:
        return {sender.mid: sid for sid, sender in self._senders.items() if sender.mid is not None}


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
        self._tracks = _Tracks(self._peer)
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
        self._tracks.described(offer.sdp)
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

    def expect(self, sdp: str) -> None:
        """See Connection."""
        self._tracks.described(sdp)

    def takes(self, codec: Codec) -> bool:
        """See Connection."""
        return self._tracks.takes(codec)

    def add_sender(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """See Connection."""
        sender = self._tracks.add(codec, stream_id, sid)
        self.negotiate()
        return sender

    def remove_sender(self, sid: str) -> None:
        """Nothing is offered: the next description tells it."""
        self._tracks.remove(sid)

    def sender(self, sid: str) -> Sender | None:
        """See Connection."""
        return self._tracks.get(sid)

    def negotiate(self) -> None:
        """See Connection."""
        if self._soon is None and not self._closed:
            self._soon = self._clock.call_at(self._clock.time(), self._require)

    def _require(self) -> None:
        self._soon = None
        if self._closed or not self._described or not self._tracks.unplaced:
            return
        missing = self._peer.missing_sections()
        audio, video = (max(0, missing[n] - self._asked[n]) for n in (0, 1))
        if not (audio or video) and (any(missing) or self._waits_for_offer):
            return
        # with none missing, tracks fit into sections that are free again, at the next offer
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
        self._tracks = _Tracks(self._subscriber)
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
        if self._publisher is None:
            self._publisher = self._new_peer(_Half(self, receives=False))
        try:
            sdp = self._publisher.answer(offer.sdp)
        except InvalidDescription as error:
            self.owner.on_refused(error)
            return
        answer = rtc.SessionDescription(type="answer", sdp=sdp, id=offer.id)
        self.owner.signal(rtc.SignalResponse(answer=answer))
        self.owner.on_described()

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
        if self._dirty:
            self.negotiate()

    def expect(self, sdp: str) -> None:
        """See Connection."""
        self._tracks.described(sdp)

    def takes(self, codec: Codec) -> bool:
        """See Connection."""
        return self._tracks.takes(codec)

    def add_sender(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """See Connection."""
        sender = self._tracks.add(codec, stream_id, sid)
        self.negotiate()
        return sender

    def remove_sender(self, sid: str) -> None:
        """See Connection."""
        if self._tracks.remove(sid):
            self.negotiate()

    def sender(self, sid: str) -> Sender | None:
        """See Connection."""
        return self._tracks.get(sid)

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
