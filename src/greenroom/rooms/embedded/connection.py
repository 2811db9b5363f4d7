"""What a client's peer connections do for it, one (`/rtc/v1`) or two (`/rtc`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from livekit.protocol import rtc

from greenroom.rooms.embedded.data_routing import RELIABLE
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
        """A description of the client's was taken: its tracks, and what it takes, are known."""
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

    def can_send(self, sender: Sender) -> bool:
        """Whether the client takes a track's codec, as far as its descriptions tell."""
        ...

    def receiving_peer(self) -> Peer:
        """The peer connection on which the client sends its tracks."""
        ...

    def add_sender(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """A track to send; negotiation follows by itself, once for all that are added now."""
        ...

    def remove_sender(self, sid: str) -> None:
        """Send a track no more."""
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
    """Data to a client; what is reliable waits, bounded, until its channel is open.

    What does not fit is left out and counted: nothing was promised to who is not connected yet.
    """

    __slots__ = ("_opened", "_peer", "_waiting", "_waiting_bytes", "dropped")

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._opened: set[ChannelLabel] = set()
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self.dropped = 0

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
        if label == RELIABLE and self._waiting_bytes + len(payload) <= MAX_WAITING_BYTES:
            self._waiting_bytes += len(payload)
            self._waiting.append(payload)
        else:
            self.dropped += 1
        return True


class SenderTable:
    """The senders of a peer connection by track id."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._senders: dict[str, Sender] = {}

    def add(self, codec: Codec, stream_id: str, sid: str) -> Sender:
        """A sender for a track."""
        sender = self._peer.add_sender(codec, stream_id=stream_id, track_id=sid)
        self._senders[sid] = sender
        return sender

    def remove(self, sid: str) -> bool:
        """End a track's sender; False where there is none."""
        sender = self._senders.pop(sid, None)
        if sender is not None:
            self._peer.remove_sender(sender)
        return sender is not None

    def by_mid(self) -> dict[str, str]:
        """Track ids by media section, as a SessionDescription's `mid_to_track_id`."""
        return {sender.mid: sid for sid, sender in self._senders.items() if sender.mid is not None}
