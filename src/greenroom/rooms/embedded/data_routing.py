"""Who gets a data packet, and under whose name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from google.protobuf.message import DecodeError
from livekit.protocol import models

if TYPE_CHECKING:
    from greenroom.rooms.embedded.participant import Participant
    from greenroom.rooms.embedded.room import Room

RELIABLE = "_reliable"
LOSSY = "_lossy"

ENVELOPE_BYTES = 4_096
"""What a data packet may have around its payload: names of its sender and of who is to get it."""

_ON_BEHALF = {"transcription", "stream_header", "stream_chunk", "stream_trailer"}
"""What an agent may send under another participant's name: what that participant said."""


def parse(payload: bytes) -> models.DataPacket | None:
    """A data packet as it comes on a data channel; None where it can't be read."""
    try:
        return models.DataPacket.FromString(payload)
    except DecodeError:
        return None


def stamp(sender: Participant, packet: models.DataPacket, *, reliable: bool) -> bool:
    """Put the sender's name on a packet, whatever it says; False where it is not to be forwarded.

    As LiveKit does: transcriptions come from agents only, an agent's text streams keep the name
    that they carry, the packets of a hidden participant carry none.
    """
    what = packet.WhichOneof("value")
    if what is None or what == "speaker" or not sender.grants.can_publish_data:
        return False
    agent = sender.grants.is_agent
    if what == "transcription" and not agent:
        return False
    identity = "" if sender.hidden else sender.identity
    on_behalf = agent and (
        what in _ON_BEHALF or (what == "chat_message" and packet.chat_message.generated)
    )
    if not (on_behalf and packet.participant_identity):
        packet.participant_identity = identity
    packet.participant_sid = sender.sid
    packet.kind = models.DataPacket.Kind.RELIABLE if reliable else models.DataPacket.Kind.LOSSY
    if what == "user":
        user = packet.user
        user.participant_identity = identity
        user.participant_sid = "" if sender.hidden else sender.sid
        # the packet's own list is the later one; clients fill either
        if packet.destination_identities:
            user.destination_identities[:] = packet.destination_identities
        else:
            packet.destination_identities[:] = user.destination_identities
    return True


def route(
    room: Room, sender: Participant | None, packet: models.DataPacket, *, reliable: bool
) -> None:
    """Hand a stamped packet to those it names, or to all but its sender.

    One that has become too large by the names in it is dropped: nobody could take it.
    """
    names = frozenset(packet.destination_identities)
    is_user = packet.WhichOneof("value") == "user"
    sids = frozenset(packet.user.destination_sids) if is_user else frozenset()
    metrics = packet.WhichOneof("value") == "metrics"
    encoded = packet.SerializeToString()
    if len(encoded) > room.max_message_bytes + ENVELOPE_BYTES:
        return
    for participant in room.members():
        if participant is sender:
            continue
        if (names or sids) and not (participant.identity in names or participant.sid in sids):
            continue
        if metrics and not participant.grants.can_subscribe_metrics:
            continue
        participant.deliver(packet, encoded, reliable)


class RateLimit:
    """Bytes that may come now: at most `rate` a second, and one second's worth at once."""

    __slots__ = ("_left", "_rate", "_seen")

    def __init__(self, rate: int, now: float) -> None:
        self._rate = float(rate)
        self._left = float(rate)
        self._seen = now

    def take(self, size: int, now: float) -> bool:
        """Whether `size` more bytes may come; they are counted if so."""
        self._left = min(self._rate, self._left + (now - self._seen) * self._rate)
        self._seen = now
        if size > self._left:
            return False
        self._left -= size
        return True


class Intake:
    """Takes what a client sends on its data channels: bounded, each reliable packet once."""

    def __init__(self, sender: Participant, max_rate: int, now: float) -> None:
        self._sender = sender
        self._max_bytes = sender.room.max_message_bytes + ENVELOPE_BYTES // 2
        self._rate = RateLimit(max_rate, now)
        self.last_sequence = 0
        self.dropped = 0

    def take(self, label: str, payload: bytes, now: float) -> bool:
        """Route a message. False where a reliable one is too much: it can't be left out."""
        reliable = label == RELIABLE
        if not reliable and label != LOSSY:
            self.dropped += 1
            return True
        if len(payload) > self._max_bytes or not self._rate.take(len(payload), now):
            self.dropped += 1
            return not reliable
        packet = parse(payload)
        if (
            packet is None
            or (reliable and self._is_repeated(packet.sequence))
            or not stamp(self._sender, packet, reliable=reliable)
        ):
            self.dropped += 1
        else:
            route(self._sender.room, self._sender, packet, reliable=reliable)
        return True

    def _is_repeated(self, sequence: int) -> bool:
        # a client that has come back sends again what it thinks was lost, under the same numbers
        if not sequence:
            return False
        if sequence <= self.last_sequence:
            return True
        self.last_sequence = sequence
        return False
