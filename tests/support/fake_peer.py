"""A peer connection without a network: descriptions are lines that say what they contain.

An offer's lines are media sections: `send audio CID`, `spare video`, `spare audio no opus` (a
section that does not take a codec) or `idle audio` (a section nothing is sent on any more); `bad`
can't be read. The peer puts its senders into spare sections in order, as the real one does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.media import OPUS, VP8, Codec, Kind, MediaPacket, MediaSink, MediaSource
from greenroom.rooms.rtc.ports import ChannelLabel, PeerEvents, Sender, TransportState


class FakeSource:
    """A MediaSource that a test speaks through."""

    def __init__(self, codec: Codec = OPUS) -> None:
        self._codec = codec
        self.sinks: list[MediaSink] = []
        self.keyframes: list[int] = []
        self._sequence = 0

    @property
    def codec(self) -> Codec:
        return self._codec

    def add_sink(self, sink: MediaSink) -> None:
        self.sinks.append(sink)

    def remove_sink(self, sink: MediaSink) -> None:
        if sink in self.sinks:
            self.sinks.remove(sink)

    def request_keyframe(self, layer: int) -> None:
        self.keyframes.append(layer)

    def send(self, payload: bytes = b"sound", *, level: int | None = None, at: float = 0) -> None:
        """Hand a packet to the sinks."""
        self._sequence += 1
        packet = MediaPacket(
            self._codec, self._sequence, self._sequence * 960, False, payload, at, level=level
        )
        for sink in list(self.sinks):
            sink.write(packet)


class FakeReceiver(FakeSource):
    """A client's track."""

    def __init__(self, mid: str, kind: Kind, track_id: str) -> None:
        super().__init__(OPUS if kind == "audio" else VP8)
        self.mid, self.kind, self.track_id = mid, kind, track_id


class FakeSender:
    """A track to a client; `sent` are the payloads that would have gone out."""

    def __init__(self, codec: Codec, stream_id: str, track_id: str) -> None:
        self.codec, self.stream_id, self.track_id = codec, stream_id, track_id
        self.mid: str | None = None
        self.layer: int | None = None
        self.paused = False
        self.source: MediaSource | None = None
        self.round_trip: float | None = None
        self.fraction_lost = 0.0
        self.sent: list[bytes] = []

    def set_source(self, source: MediaSource | None) -> None:
        if self.source is not None:
            self.source.remove_sink(self)
        self.source = source
        if source is not None:
            source.add_sink(self)

    def set_layer(self, layer: int) -> None:
        self.layer = layer

    def set_paused(self, paused: bool) -> None:
        self.paused = paused

    def write(self, packet: MediaPacket) -> None:
        if not self.paused and self.mid is not None:
            self.sent.append(packet.payload)


@dataclass
class _Section:
    kind: str
    mid: str
    spare: bool = False
    refuses: str = ""
    sender: FakeSender | None = None
    dirty: bool = False
    """A sender was taken out, and the client was not told."""

    def fits(self, sender: FakeSender) -> bool:
        return self.spare and self.kind == sender.codec.kind and self.refuses != sender.codec.name

    def takes(self, sender: FakeSender) -> bool:
        return self.fits(sender) and self.sender is None and not self.dirty


@dataclass(eq=False)
class FakePeer:
    """See the module. `messages` went to the client; `stuck` makes it a client that can't read."""

    events: PeerEvents
    state: TransportState = "new"
    stuck: bool = False
    closed: bool = False
    senders: list[FakeSender] = field(default_factory=list)
    receivers: dict[str, FakeReceiver] = field(default_factory=dict)
    channels: list[tuple[str, bool, int | None]] = field(default_factory=list)
    messages: list[tuple[ChannelLabel, bytes]] = field(default_factory=list)
    restarts: int = 0
    without_red: list[str] = field(default_factory=list)
    without_dtx: list[str] = field(default_factory=list)
    preferred: dict[str, str] = field(default_factory=dict)
    offers: int = 0
    answers: int = 0
    sections: list[_Section] = field(default_factory=list)
    changed: bool = True

    def answer(self, offer: str) -> str:
        if self.closed or "bad" in offer:
            raise InvalidDescription("it is bad")
        tracks: dict[str, tuple[str, str]] = {}
        for number, line in enumerate(offer.splitlines()):
            words = line.split()
            if number == len(self.sections):
                self.sections.append(_Section(words[1], str(number)))
            section = self.sections[number]
            section.spare = words[0] == "spare"
            section.refuses = words[3] if section.spare and len(words) > 3 else ""
            section.dirty = False
            if words[0] == "send":
                tracks[section.mid] = words[1], words[2]
        for sender in self._waiting():
            free = next((one for one in self.sections if one.takes(sender)), None)
            if free is not None:
                free.sender, sender.mid = sender, free.mid
        self._receive(tracks)
        self.answers += 1
        return f"answer {self.answers}"

    def _receive(self, tracks: dict[str, tuple[str, str]]) -> None:
        for mid, receiver in list(self.receivers.items()):
            if mid not in tracks or tracks[mid][1] != receiver.track_id:
                del self.receivers[mid]
                self.events.on_receiver_ended(receiver)
        for mid, (kind, cid) in tracks.items():
            if mid not in self.receivers:
                found = FakeReceiver(mid, "video" if kind == "video" else "audio", cid)
                self.receivers[mid] = found
                self.events.on_receiver(found)

    def offer(self) -> str:
        self.offers += 1
        self.changed = False
        for number, sender in enumerate(self.senders):
            sender.mid = sender.mid or f"s{number}"
        return f"offer of {' '.join(sender.track_id for sender in self.senders)}".strip()

    def accept(self, answer: str) -> None:
        if "bad" in answer:
            raise InvalidDescription("it is bad")

    def add_sender(self, codec: Codec, *, stream_id: str, track_id: str) -> FakeSender:
        sender = FakeSender(codec, stream_id, track_id)
        self.senders.append(sender)
        self.changed = True
        return sender

    def remove_sender(self, sender: Sender) -> None:
        assert isinstance(sender, FakeSender)
        self.senders.remove(sender)
        sender.set_source(None)
        self.changed = True
        for section in self.sections:
            if section.sender is sender:
                section.sender, section.dirty = None, True

    def _waiting(self) -> list[FakeSender]:
        return [one for one in self.senders if one.mid is None and self.can_send(one)]

    def missing_sections(self) -> tuple[int, int]:
        spare, missing = list(self.sections), {"audio": 0, "video": 0}
        for sender in self._waiting():
            section = next((one for one in spare if one.takes(sender)), None)
            if section is None:
                missing[sender.codec.kind] += 1
            else:
                spare.remove(section)
        return missing["audio"], missing["video"]

    def can_send(self, sender: Sender) -> bool:
        assert isinstance(sender, FakeSender)
        kind = [one for one in self.sections if one.spare and one.kind == sender.codec.kind]
        return sender.mid is not None or not kind or any(one.fits(sender) for one in kind)

    def needs_description(self) -> bool:
        if self.closed:
            return False
        if not self.answers:
            return self.changed
        return bool(self._waiting()) or any(section.dirty for section in self.sections)

    def disable_red(self, track_id: str) -> None:
        self.without_red.append(track_id)

    def disable_dtx(self, track_id: str) -> None:
        self.without_dtx.append(track_id)

    def prefer_codec(self, track_id: str, name: str) -> None:
        self.preferred[track_id] = name

    def restart_ice(self) -> None:
        self.restarts += 1
        self.changed = True

    def open_channel(
        self, label: ChannelLabel, *, ordered: bool, max_retransmits: int | None
    ) -> None:
        self.channels.append((label, ordered, max_retransmits))

    def send_message(self, label: ChannelLabel, payload: bytes) -> bool:
        if self.stuck or self.closed:
            return False
        self.messages.append((label, payload))
        return True

    def close(self) -> None:
        self.closed = True
        for sender in self.senders:
            sender.set_source(None)

    # What a test lets happen.

    def become(self, state: TransportState) -> None:
        """The transport's state changes."""
        self.state = state
        self.events.on_state(state)


def fake_peers(made: list[FakePeer]) -> Callable[[PeerEvents], FakePeer]:
    """Make peers, and keep them in `made`."""

    def new_peer(events: PeerEvents) -> FakePeer:
        made.append(FakePeer(events))
        return made[-1]

    return new_peer
