"""A peer connection: what was described, the transport under it and the streams on it."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from greenroom.providers.clock import Clock
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.answering import Answerer, Outcome
from greenroom.rooms.rtc.codecs import PUBLISH_CODECS, USUAL, Wish
from greenroom.rooms.rtc.description import Description, Encryption, Setup
from greenroom.rooms.rtc.description_reader import DescriptionReader
from greenroom.rooms.rtc.description_writer import Origin, write
from greenroom.rooms.rtc.media import Codec
from greenroom.rooms.rtc.negotiation import Slot, dtls_role
from greenroom.rooms.rtc.offering import Offerer
from greenroom.rooms.rtc.ports import (
    ChannelLabel,
    PeerEvents,
    Sender,
    Transport,
    TransportState,
)
from greenroom.rooms.rtc.sender import RtpSender
from greenroom.rooms.rtc.streams import Streams

MAX_WISHES = 256  # tracks that are remembered, the newest


class PeerConnection:
    """A `ports.Peer` over any Transport, whose owner it becomes.

    `max_sections` bounds the media sections of a description, `publish_codecs` are the names of
    codecs that are taken from the other side (`red`: redundant audio), `max_message_bytes` is the
    largest data message that the transport takes. It either answers or offers, never both.
    """

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        *,
        max_sections: int = 64,
        publish_codecs: Collection[str] = PUBLISH_CODECS,
        max_message_bytes: int = 262_144,
    ) -> None:
        self._transport = transport
        self._streams = Streams(transport.send_rtp, transport.send_rtcp, clock)
        self._max_sections = max_sections
        self._reader = DescriptionReader(max_sections)
        self._events: PeerEvents | None = None
        self._slots: list[Slot] = []
        self._answerer = Answerer(
            self._slots, self._streams, frozenset(publish_codecs), max_message_bytes
        )
        self._offerer = Offerer(self._slots, max_sections, max_message_bytes)
        self._role: Literal["new", "answers", "offers"] = "new"
        self._senders: list[RtpSender] = []
        self._unsendable: set[RtpSender] = set()
        self._wishes: dict[str, Wish] = {}
        self._channels_wanted = False
        self._restarting = False
        self._dtls_client: bool | None = None
        self._session, self._version = secrets.randbits(62), 0
        self._closed = False
        transport.attach(self)

    def attach(self, events: PeerEvents) -> None:
        """Tell `events` of everything from now on; before the first description."""
        self._events = events

    @property
    def round_trip(self) -> float | None:
        """Seconds to the other side and back, smoothed; None until it was measured."""
        return self._streams.round_trip

    @property
    def available_bitrate(self) -> float | None:
        """What the other side says it can receive, in bits a second; None where it doesn't say."""
        return self._streams.available_bitrate

    @property
    def state(self) -> TransportState:
        """The transport's."""
        return self._transport.state

    # Descriptions: the other side offers.

    def answer(self, offer: str) -> str:
        """See Peer. `on_receiver_ended` and `on_receiver` are called before it returns."""
        if self._closed or self._role == "offers":
            raise InvalidDescription("no offer is taken on this connection")
        described = self._reader.read(offer)
        plans = self._answerer.plan(described, self._senders, self._wishes)
        encryption = described.encryption()
        if encryption is None:
            raise InvalidDescription("ICE credentials, a=setup or a fingerprint are missing")
        dtls_client = dtls_role(encryption, self._dtls_client)
        self._role, self._restarting = "answers", False
        self._set_remote(encryption, dtls_client=dtls_client)
        outcome = self._answerer.apply(plans, self._senders)
        self._unsendable = outcome.refused
        answer = self._answerer.answer(described, plans)
        text = self._write(answer, "active" if dtls_client else "passive")
        self._tell(outcome)
        return text

    def _tell(self, outcome: Outcome) -> None:
        if self._events is not None:
            for receiver in outcome.ended:
                self._events.on_receiver_ended(receiver)
            for receiver in outcome.begun:
                self._events.on_receiver(receiver)

    def _set_remote(self, encryption: Encryption, *, dtls_client: bool) -> None:
        self._dtls_client = dtls_client
        self._transport.set_remote(
            ufrag=encryption.ufrag,
            pwd=encryption.pwd,
            fingerprints=encryption.fingerprints,
            dtls_client=dtls_client,
        )

    def _write(self, description: Description, setup: Setup) -> str:
        transport = self._transport
        name, _, digest = transport.fingerprint.partition(" ")
        encryption = Encryption(transport.ufrag, transport.pwd, setup, ((name, digest),))
        self._version += 1
        origin = Origin(self._session, self._version)
        return write(description, origin, encryption, transport.candidates)

    # Descriptions: this side offers.

    def offer(self) -> str:
        """See Peer. Wait for the answer before the next one."""
        if self._role == "answers":
            raise RuntimeError("the other side makes the offers of this connection")
        waiting = [s for s in self._senders if s not in self._unsendable]
        description = self._offerer.offer(waiting, channels=self._channels_wanted)
        self._role, self._restarting = "offers", False
        return self._write(description, "actpass")

    def accept(self, answer: str) -> None:
        """See Peer."""
        if self._closed or self._role != "offers":
            raise InvalidDescription("there is no offer to answer")
        described = self._reader.read(answer)
        plans = self._offerer.plan(described)
        encryption = described.encryption()
        if encryption is not None:
            if encryption.setup == "actpass":
                raise InvalidDescription("an answer must choose a DTLS role")
            dtls_client = dtls_role(encryption, self._dtls_client)
            self._set_remote(encryption, dtls_client=dtls_client)
        elif any(not section.rejected for section in described.sections):
            raise InvalidDescription("ICE credentials, a=setup or a fingerprint are missing")
        self._unsendable.update(self._offerer.accept(plans))

    # Tracks.

    def add_sender(self, codec: Codec, *, stream_id: str, track_id: str) -> RtpSender:
        """See Peer."""
        sender = self._streams.add_sender(codec, stream_id=stream_id, track_id=track_id)
        self._senders.append(sender)
        return sender

    def remove_sender(self, sender: Sender) -> None:
        """See Peer. Harmless twice."""
        found = next((one for one in self._senders if one is sender), None)
        if found is None:
            return
        self._senders.remove(found)
        self._unsendable.discard(found)
        for slot in self._slots:
            if slot.sender is found:
                slot.sender = None
        self._streams.remove_sender(found)

    def can_send(self, sender: Sender) -> bool:
        """See Peer."""
        return all(one is not sender for one in self._unsendable)

    def missing_sections(self) -> tuple[int, int]:
        """See Peer. None where this side makes the offers."""
        missing = {"audio": 0, "video": 0}
        if self._role != "offers":
            spare = list(self._slots)
            for sender in self._waiting():
                slot = next((one for one in spare if one.can_take(sender)), None)
                if slot is not None:
                    spare.remove(slot)
                elif len(self._slots) + sum(missing.values()) < self._max_sections:
                    missing[sender.codec.kind] += 1
        return missing["audio"], missing["video"]

    def needs_description(self) -> bool:
        """See Peer."""
        if self._closed:
            return False
        return (
            self._restarting
            or any(self._role != "offers" or self._offerer.has_place(s) for s in self._waiting())
            or any(slot.announced and slot.sender is None for slot in self._slots)
            or self._lacks_channels()
        )

    def _lacks_channels(self) -> bool:
        return (
            self._channels_wanted
            and self._role != "answers"
            and len(self._slots) < self._max_sections
            and all(slot.media != "application" for slot in self._slots)
        )

    def _waiting(self) -> list[RtpSender]:
        placed = {id(slot.sender) for slot in self._slots if slot.sender is not None}
        return [s for s in self._senders if id(s) not in placed and s not in self._unsendable]

    def disable_red(self, track_id: str) -> None:
        """See Peer."""
        self._wish(track_id, replace(self._wishes.get(track_id, USUAL), red=False))

    def disable_dtx(self, track_id: str) -> None:
        """See Peer."""
        self._wish(track_id, replace(self._wishes.get(track_id, USUAL), dtx=False))

    def prefer_codec(self, track_id: str, name: str) -> None:
        """See Peer."""
        self._wish(track_id, replace(self._wishes.get(track_id, USUAL), codec=name))

    def _wish(self, track_id: str, wish: Wish) -> None:
        self._wishes[track_id] = wish
        if len(self._wishes) > MAX_WISHES:
            del self._wishes[next(iter(self._wishes))]

    def restart_ice(self) -> None:
        """See Peer."""
        if not self._closed:
            self._restarting = True
            self._transport.restart_ice()

    # Data.

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        """See Transport."""
        self._channels_wanted = True
        self._transport.open_channel(label, ordered=ordered, max_retransmits=max_retransmits)

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        """See Transport."""
        return self._transport.send_message(label, payload)

    def close(self) -> None:
        """See Peer."""
        if not self._closed:
            self._closed = True
            self._streams.close()
            self._transport.close()

    # What the transport tells: see TransportEvents.

    def on_state(self, state: TransportState) -> None:
        """Pass it on."""
        if self._events is not None:
            self._events.on_state(state)

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """Find its stream."""
        self._streams.on_rtp(packet, arrival)

    def on_rtcp(self, packet: bytes) -> None:
        """Find what it reports on."""
        self._streams.on_rtcp(packet)

    def on_channel(self, label: ChannelLabel) -> None:
        """Pass it on."""
        if self._events is not None:
            self._events.on_channel(label)

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        """Pass it on."""
        if self._events is not None:
            self._events.on_message(label, payload)
