"""A room server with fake peers and channels, and clients that a test plays."""

from __future__ import annotations

from typing import Any

from livekit.protocol import models, rtc
from livekit.protocol.webhook import WebhookEvent

from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters, SignalSession
from greenroom.rooms.embedded.server import RoomServer
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.settings import RoomSettings
from greenroom.testing.clock import ManualClock
from support.fake_peer import FakePeer, FakeReceiver, FakeSender, fake_peers

NOW = 1_700_000_000.0


class FakeChannel:
    """A signalling connection: what was sent, in order."""

    def __init__(self) -> None:
        self.sent: list[rtc.SignalResponse] = []
        self.closed = ""

    def send(self, message: rtc.SignalResponse) -> None:
        assert not self.closed, "nothing is sent after close"
        self.sent.append(rtc.SignalResponse.FromString(message.SerializeToString()))

    def close(self, reason: str) -> None:
        self.closed = self.closed or reason


class FakeClient:
    """A client as the room server sees it; plays what the test says."""

    def __init__(
        self, hall: Hall, identity: str, channel: FakeChannel, session: SignalSession
    ) -> None:
        self.hall, self.identity, self.channel, self.session = hall, identity, channel, session
        self.peers: list[FakePeer] = []
        self.sections: list[str] = []

    @property
    def sid(self) -> str:
        return self.session.participant_sid

    @property
    def peer(self) -> FakePeer:
        """The first: the only one of v1, the subscriber's of v0."""
        return self.peers[0]

    def connect(self) -> None:
        """Media can flow, and the client's data channels are open."""
        self.peer.become("connected")
        for label in ("_reliable", "_lossy"):
            self.peer.events.on_channel(label)

    def ask(self, **request: Any) -> None:
        """Send a request: `ask(mute=MuteTrackRequest(...))`."""
        self.session.receive(rtc.SignalRequest(**request))

    def offer(self, *sections: str, number: int = 0) -> None:
        """Offer what was offered before and these; `3:idle audio` replaces the fourth."""
        self.add(*sections)
        sdp = "\n".join(self.sections)
        self.ask(offer=rtc.SessionDescription(type="offer", sdp=sdp, id=number))

    def add(self, *sections: str) -> None:
        for section in sections:
            index, colon, text = section.partition(":")
            if colon:
                self.sections[int(index)] = text
            else:
                self.sections.append(section)

    def publish(self, cid: str = "mic", kind: str = "audio", **track: Any) -> FakeReceiver:
        """Announce a track and offer it."""
        video = kind == "video"
        self.ask(
            add_track=rtc.AddTrackRequest(
                cid=cid,
                type=models.TrackType.VIDEO if video else models.TrackType.AUDIO,
                source=models.TrackSource.CAMERA if video else models.TrackSource.MICROPHONE,
                **track,
            )
        )
        self.offer(f"send {kind} {cid}")
        peer = self.peers[-1]
        return next(one for one in peer.receivers.values() if one.track_id == cid)

    def answer_offer(self, answer: str = "fine", number: int | None = None) -> None:
        """Answer the server's last offer (v0)."""
        id_ = self.last("offer").id if number is None else number
        self.ask(answer=rtc.SessionDescription(type="answer", sdp=answer, id=id_))

    def all(self, name: str) -> list[Any]:
        """Every message of this name, in order."""
        return [getattr(one, name) for one in self.channel.sent if one.HasField(name)]  # type: ignore[arg-type]

    def last(self, name: str) -> Any:
        """The last message of this name."""
        return self.all(name)[-1]

    def names(self) -> list[str]:
        """The names of all messages, in order."""
        return [str(one.WhichOneof("message")) for one in self.channel.sent]

    def forget(self) -> None:
        """Look only at what comes from now on."""
        self.channel.sent.clear()

    def seen(self, identity: str) -> models.ParticipantInfo:
        """Somebody as this client was told of last."""
        found = None
        for message in self.channel.sent:
            for info in [
                *message.join.other_participants,
                message.join.participant,
                *message.update.participants,
            ]:
                if info.identity == identity:
                    found = info
        assert found is not None, f"never told of {identity}"
        return found

    def track(self, identity: str, number: int = 0) -> models.TrackInfo:
        """A track of somebody as this client was told of last."""
        return self.seen(identity).tracks[number]

    def sender(self, sid: str) -> FakeSender:
        """The track as it is sent to this client."""
        return next(one for one in self.peer.senders if one.track_id == sid)

    def say(self, packet: models.DataPacket, label: str = "_reliable") -> None:
        """Send a data packet."""
        self.peers[-1].events.on_message(label, packet.SerializeToString())

    def heard(self) -> list[tuple[str, models.DataPacket]]:
        """The data packets that came, with their channels."""
        return [
            (label, models.DataPacket.FromString(payload)) for label, payload in self.peer.messages
        ]


class Hall:
    """A room server on a clock that stands still. `settings` are those of rooms."""

    def __init__(self, **settings: Any) -> None:
        self.clock = ManualClock()
        self.events: list[WebhookEvent] = []
        self.peers: list[FakePeer] = []
        self.settings = RoomSettings(**settings)
        self.tokens = 0
        self.server = RoomServer(
            self.settings,
            fake_peers(self.peers),
            self.clock,
            ice_servers=lambda identity: [IceServer(("turn:turn.test",), identity, "secret")],
            on_event=self.events.append,
            refresh_token=self._token,
            now=lambda: NOW + self.clock.time() - 1_000,
        )

    def _token(self, grants: Grants) -> str:
        self.tokens += 1
        return f"token of {grants.identity}"

    def grants(self, identity: str, /, **grants: Any) -> Grants:
        return Grants(**{"identity": identity, "room": "hall", "room_join": True, **grants})

    def enter(
        self, identity: str, *, grants: dict[str, Any] | None = None, **parameters: Any
    ) -> FakeClient:
        """Join with these, on a new channel; nothing more happens."""
        channel, before = FakeChannel(), len(self.peers)
        session = self.server.join(
            self.grants(identity, **(grants or {})), JoinParameters(**parameters), channel
        )
        client = FakeClient(self, identity, channel, session)
        client.peers = self.peers[before:]
        return client

    def join(self, identity: str, *, spare: int = 1, **given: Any) -> FakeClient:
        """Join by one peer connection, with `spare` sections for sound, and connect."""
        client = self.enter(identity, **given)
        client.offer(*["spare audio"] * spare)
        client.connect()
        self.settle()
        return client

    def join_v0(self, identity: str, **given: Any) -> FakeClient:
        """Join by two peer connections, and connect."""
        client = self.enter(identity, single_pc=False, **given)
        self.settle()
        client.answer_offer()
        client.connect()
        return client

    def add_peer(self, client: FakeClient) -> None:
        """Take the newest peer for the client's."""
        client.peers.append(self.peers[-1])

    def settle(self) -> None:
        """Let what happens soon happen."""
        self.clock.advance(0)

    def event_names(self) -> list[str]:
        return [event.event for event in self.events]


def user(text: bytes, **packet: Any) -> models.DataPacket:
    """A user packet."""
    return models.DataPacket(user=models.UserPacket(payload=text), **packet)
