"""The seams between the layers of a peer connection: transport, description, streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from greenroom.rooms.rtc.media import Codec, Kind, MediaSource

TransportState = Literal["new", "connecting", "connected", "disconnected", "failed", "closed"]
"""`disconnected`: nothing was heard for a while, and it may come back; `failed`: given up."""

ChannelLabel = str
"""A data channel's label; LiveKit's clients use `_reliable`, `_lossy` and `_data_track`."""


@dataclass(frozen=True, slots=True)
class PayloadType:
    """A codec under the number that one media section gives it.

    `rtx` is the payload type of its retransmissions (RFC 4588), `feedback` what `a=rtcp-fb` lists:
    `nack`, `nack pli`, `ccm fir`, `goog-remb`.
    """

    number: int
    codec: Codec
    rtx: int | None = None
    feedback: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """What was negotiated for one media section, in one direction.

    `payload_types` are in order of preference; `red` is the payload type of redundant audio (RFC
    2198) where it is used; `extensions` give the id of each RTP header extension's URI. Of a
    section that the other side sends on: `ssrcs` are its primary SSRCs and `rtx_ssrcs` tells whose
    retransmissions an SSRC carries, both empty where the description names none; `rids` are its
    simulcast layers, the smallest first.
    """

    mid: str
    kind: Kind
    payload_types: tuple[PayloadType, ...]
    red: int | None = None
    extensions: Mapping[str, int] = field(default_factory=dict)
    ssrcs: tuple[int, ...] = ()
    rtx_ssrcs: Mapping[int, int] = field(default_factory=dict)
    rids: tuple[str, ...] = ()


class TransportEvents(Protocol):
    """What a transport tells its owner, by plain calls on the event loop."""

    def on_state(self, state: TransportState) -> None:
        """The state has changed."""
        ...

    def on_rtp(self, packet: bytes, arrival: float) -> None:
        """A decrypted RTP packet; `arrival` is the clock's time in seconds."""
        ...

    def on_rtcp(self, packet: bytes) -> None:
        """A decrypted compound RTCP packet."""
        ...

    def on_channel(self, label: ChannelLabel) -> None:
        """A data channel is open, whoever opened it."""
        ...

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        """A message came on a data channel."""
        ...


class Transport(Protocol):
    """ICE-lite, DTLS, SRTP and SCTP of one bundled peer connection."""

    def attach(self, events: TransportEvents) -> None:
        """Tell `events` of everything from now on; before anything can happen."""
        ...

    @property
    def state(self) -> TransportState:
        """Where it is."""
        ...

    @property
    def ufrag(self) -> str:
        """The local ICE user name fragment."""
        ...

    @property
    def pwd(self) -> str:
        """The local ICE password."""
        ...

    @property
    def candidates(self) -> Sequence[str]:
        """Local candidates as in SDP without `a=`: `candidate:1 1 udp 2130706431 127.0.0.1 ...`."""
        ...

    @property
    def fingerprint(self) -> str:
        """Of the local certificate: `sha-256 AB:CD:...`."""
        ...

    def set_remote(
        self,
        *,
        ufrag: str,
        pwd: str,
        fingerprints: Sequence[tuple[str, str]],
        dtls_client: bool,
    ) -> None:
        """The other side's ICE credentials and certificate; from now on it may connect.

        `dtls_client`: this side sends the first handshake message (the other is passive). Called
        again with other ICE credentials it is an ICE restart of the other side: DTLS, SRTP and SCTP
        live on.
        """
        ...

    def restart_ice(self) -> None:
        """New local `ufrag` and `pwd`; those before stay good until the new ones are used."""
        ...

    def send_rtp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected."""
        ...

    def send_rtcp(self, packet: bytes) -> None:
        """Encrypt and send; dropped while not connected."""
        ...

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        """Open a data channel when connected; `on_channel` follows."""
        ...

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        """Send on an open channel of that label.

        False, and nothing is sent, where there is none or where more than the bound is unsent: the
        other side does not read.
        """
        ...

    def close(self) -> None:
        """End all of it, at once; tells the other side where that is possible. Harmless twice."""
        ...


class Receiver(MediaSource, Protocol):
    """A track that the other side sends."""

    @property
    def mid(self) -> str:
        """Its media section."""
        ...

    @property
    def kind(self) -> Kind:
        """Audio or video."""
        ...

    @property
    def track_id(self) -> str:
        """The msid's track id in the other side's description, which LiveKit calls `cid`."""
        ...


class Sender(Protocol):
    """A track that this side sends: takes one source at a time and renumbers it for the peer."""

    @property
    def mid(self) -> str | None:
        """Its media section, once one is negotiated."""
        ...

    def set_source(self, source: MediaSource | None) -> None:
        """Send this source's packets from now on (None: nothing)."""
        ...

    def set_layer(self, layer: int) -> None:
        """Of a source with simulcast, send `layer` or the best below it that is there."""
        ...

    def set_paused(self, paused: bool) -> None:
        """Send nothing for a while, without a gap in the numbering."""
        ...

    @property
    def round_trip(self) -> float | None:
        """Seconds there and back by the last receiver report; None: not known yet."""
        ...

    @property
    def fraction_lost(self) -> float:
        """0 to 1, by the last receiver report."""
        ...


class PeerEvents(Protocol):
    """What a peer connection tells its owner, by plain calls on the event loop."""

    def on_state(self, state: TransportState) -> None:
        """The transport's state has changed."""
        ...

    def on_receiver(self, receiver: Receiver) -> None:
        """A track of the other side is described; packets may follow."""
        ...

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """The other side's description no longer has it."""
        ...

    def on_channel(self, label: ChannelLabel) -> None:
        """A data channel is open."""
        ...

    def on_message(self, label: ChannelLabel, payload: bytes) -> None:
        """A message came on a data channel."""
        ...


class Peer(Protocol):
    """A peer connection: descriptions, tracks and data. All calls are plain and quick.

    One side makes every offer: the client (`answer`), or the server (`offer`, `accept`).
    """

    @property
    def state(self) -> TransportState:
        """The transport's."""
        ...

    def answer(self, offer: str) -> str:
        """Take the other side's offer and answer it. Raises InvalidDescription, changing nothing.

        Senders that have no media section yet are put into spare ones (`recvonly` or `sendrecv`
        sections of their kind that nothing is sent on).
        """
        ...

    def offer(self) -> str:
        """An offer with every sender, and data where there are data channels."""
        ...

    def accept(self, answer: str) -> None:
        """The other side's answer to the last `offer`. Raises InvalidDescription."""
        ...

    def add_sender(self, codec: Codec, *, stream_id: str, track_id: str) -> Sender:
        """A track to send; it is in the next description. Its msid is `stream_id track_id`."""
        ...

    def remove_sender(self, sender: Sender) -> None:
        """Stop sending; its media section can be used again after the next description."""
        ...

    def missing_sections(self) -> tuple[int, int]:
        """How many more audio and video sections the client's next offer needs.

        A sender that the client can't take (see `can_send`) is not counted.
        """
        ...

    def can_send(self, sender: Sender) -> bool:
        """False once descriptions show that the other side does not take the sender's codec."""
        ...

    def needs_description(self) -> bool:
        """Whether senders, data or ICE credentials are other than last described.

        Then the side that offers should do so: a track that is gone is silent without, but its
        section can be used again only afterwards.
        """
        ...

    def disable_red(self, track_id: str) -> None:
        """From the next answer on take the other side's track `track_id` without redundancy.

        For end-to-end encrypted sound, whose redundancy can't be told apart from outside.
        """
        ...

    def disable_dtx(self, track_id: str) -> None:
        """From the next answer on take packets for silence of the other side's `track_id` too."""
        ...

    def prefer_codec(self, track_id: str, name: str) -> None:
        """From the next answer on list this codec first for the other side's track `track_id`.

        `name` is as in SDP, in lower case; without effect where the section does not offer it.
        """
        ...

    def restart_ice(self) -> None:
        """New local ICE credentials in the next description, where this side makes the offers."""
        ...

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        """See Transport."""
        ...

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        """See Transport."""
        ...

    def close(self) -> None:
        """End all of it. Harmless twice."""
        ...
