"""A client in a room: its signalling connection, its peer connections, and its deadlines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from livekit.protocol import models, rtc

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.embedded import data_routing, limits, wire_info
from greenroom.rooms.embedded.conditions import score
from greenroom.rooms.embedded.connection import Connection, NewPeer
from greenroom.rooms.embedded.downstream import Downstream
from greenroom.rooms.embedded.dual_connection import DualConnection
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters, SignalChannel
from greenroom.rooms.embedded.participant import Participant, State
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.embedded.room import Room
from greenroom.rooms.embedded.signalling import Requests
from greenroom.rooms.embedded.single_connection import SingleConnection
from greenroom.rooms.embedded.upstream import Upstream
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.rtc.ports import ChannelLabel, Receiver, TransportState
from greenroom.settings import RoomSettings

Reason = models.DisconnectReason

REFRESH_INTERVAL = 300.0
"""Seconds between new tokens, so that a client can always come back."""

RETRY = 5.0
"""Seconds after which a client that was asked for media sections is asked again."""

MAX_MISSED = 256
"""Departures that a client without signalling connection is told of when it is back."""


@dataclass(frozen=True, slots=True)
class Services:
    """What clients need of the server; see RoomServer."""

    settings: RoomSettings
    clock: Clock
    new_peer: NewPeer
    ice_servers: Callable[[str], Sequence[IceServer]]
    refresh_token: Callable[[Grants], str] | None


class Session:
    """A client's signalling connection as it sees the room; dead once another took its place."""

    def __init__(self, client: ClientParticipant | None) -> None:
        self._client = client
        self._sid = client.sid if client is not None else ""

    @property
    def participant_sid(self) -> str:
        """See SignalSession."""
        return self._sid

    def receive(self, request: rtc.SignalRequest) -> None:
        """See SignalSession."""
        if self._client is not None:
            self._client.requests.receive(request)

    def lost(self) -> None:
        """See SignalSession."""
        client, self._client = self._client, None
        if client is not None:
            client.signal_lost()

    def end(self) -> None:
        """Nothing that comes from now on counts."""
        self._client = None


class ClientParticipant(Participant):
    """Somebody with a peer connection. Media comes and goes by `Connection`."""

    def __init__(
        self, room: Room, grants: Grants, parameters: JoinParameters, services: Services
    ) -> None:
        super().__init__(room, grants, room.now(), auto_subscribe=parameters.auto_subscribe)
        self.client_protocol = parameters.client_info.client_protocol
        if grants.can_update_own_metadata:
            self.update(
                metadata=parameters.metadata or None, attributes=dict(parameters.attributes)
            )
        self.settings = services.settings
        self.upstream = Upstream(self)
        self.requests = Requests(self)
        self._services = services
        self._clock = services.clock
        self._single = parameters.single_pc
        self._channel: SignalChannel | None = None
        self._session = Session(None)
        self._deadlines: dict[str, Timer] = {}
        self._missed: dict[str, models.ParticipantInfo] = {}
        self.intake = data_routing.Intake(self, services.settings.max_data_rate, self._clock.time())
        self.connection: Connection
        if parameters.single_pc:
            self.connection = SingleConnection(self, services.new_peer, self._clock, retry=RETRY)
        else:
            self.connection = DualConnection(
                self, services.new_peer, self._clock, timeout=services.settings.connect_timeout
            )
        self.downstream = Downstream(self.connection, room.watched)

    # Coming and going

    def start(self, parameters: JoinParameters, channel: SignalChannel) -> Session:
        """Answer the join, tell the others, hand out tracks, and take what came with the join."""
        session = self._take(channel)
        self.room.add(self)
        self.set_deadline("connect", self.settings.connect_timeout, self._never_connected)
        self.signal(rtc.SignalResponse(join=self._join_response()))
        self.set_state(State.JOINED)
        self.room.announce(self)
        self._refresh_token()
        offer = parameters.publisher_offer
        for request in parameters.add_tracks:
            self.requests.add_track(request)
        self.room.subscribe_to_all(self)
        if offer is not None:
            self.requests.offer(offer)
        self.connection.negotiate()
        return session

    def can_resume(self, parameters: JoinParameters) -> bool:
        """Whether this is the place that the client asks for, in a state to be taken up."""
        return (
            not self.gone
            and parameters.participant_sid in {"", self.sid}
            and parameters.single_pc == self._single
            and self.was_active
            and self.connection.state not in {"failed", "closed"}
        )

    def resume(self, parameters: JoinParameters, channel: SignalChannel) -> Session:
        """Take up the place by another signalling connection; the one before is closed."""
        session = self._take(channel)
        self.clear_deadline("signal")
        self.signal(
            rtc.SignalResponse(
                reconnect=rtc.ReconnectResponse(
                    ice_servers=wire_info.ice_servers(self._services.ice_servers(self.identity)),
                    server_info=wire_info.SERVER_INFO,
                    last_message_seq=self.intake.last_sequence,
                )
            )
        )
        everybody = [*self._missed.values(), *self.room.visible_to(self), self.info]
        self._missed.clear()
        self.signal(rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=everybody)))
        self.tell_room(self.room.info)
        for announced in self.upstream.announcements.waiting:
            self.requests.confirm(announced)
        self.connection.resume()
        if parameters.publisher_offer is not None:
            self.requests.offer(parameters.publisher_offer)
        return session

    def _take(self, channel: SignalChannel) -> Session:
        self._session.end()
        if self._channel is not None:
            self._channel.close("replaced by a newer connection")
        self._channel = channel
        self._session = Session(self)
        return self._session

    def signal_lost(self) -> None:
        """The signalling connection is gone: the place is kept for a while."""
        self._channel = None
        if self.connection.state == "closed":
            self._end(Reason.SIGNAL_CLOSE)
        else:
            self.set_deadline(
                "signal",
                self.settings.reconnect_timeout,
                lambda: self._end(Reason.SIGNAL_CLOSE),
            )

    def leave(self) -> None:
        """The client says goodbye."""
        self._end(Reason.CLIENT_INITIATED)

    def drop_signal(self) -> None:
        """Close the signalling connection without a word, as a failing network would."""
        channel, self._channel = self._channel, None
        self._session.end()
        if channel is not None:
            channel.close("dropped")
        self.signal_lost()

    def dismiss(self, reason: Reason, *, comes_back: bool = False) -> None:
        """See Participant."""
        action = rtc.LeaveRequest.Action
        self.signal(wire_info.leave(reason, action.RECONNECT if comes_back else action.DISCONNECT))
        self._end(reason)

    def _end(self, reason: Reason) -> None:
        channel, self._channel = self._channel, None
        self._session.end()
        for timer in self._deadlines.values():
            timer.cancel()
        self._deadlines.clear()
        self.room.remove(self, reason)
        self.upstream.close()
        self.connection.close()
        if channel is not None:
            channel.close(wire_info.reason_name(reason))

    def set_deadline(self, name: str, seconds: float, callback: Callable[[], None]) -> None:
        """Call back in a while, in place of what was set under this name."""
        self.clear_deadline(name)

        def due() -> None:
            del self._deadlines[name]
            callback()

        if not self.gone:
            self._deadlines[name] = self._clock.call_at(self._clock.time() + seconds, due)

    def clear_deadline(self, name: str) -> None:
        """Don't."""
        timer = self._deadlines.pop(name, None)
        if timer is not None:
            timer.cancel()

    def _never_connected(self) -> None:
        self.dismiss(Reason.JOIN_FAILURE)

    def _join_response(self) -> rtc.JoinResponse:
        return rtc.JoinResponse(
            room=self.room.info,
            participant=self.info,
            other_participants=self.room.visible_to(self),
            server_version=wire_info.SERVER_INFO.version,
            server_info=wire_info.SERVER_INFO,
            ice_servers=wire_info.ice_servers(self._services.ice_servers(self.identity)),
            subscriber_primary=self.connection.subscriber_primary,
            ping_timeout=wire_info.PING_TIMEOUT,
            ping_interval=wire_info.PING_INTERVAL,
            enabled_publish_codecs=wire_info.codecs(),
            fast_publish=self.grants.can_publish,
        )

    def _refresh_token(self) -> None:
        if self._services.refresh_token is not None:
            self.set_deadline("token", REFRESH_INTERVAL, self.renew_token)

    def renew_token(self) -> None:
        """Send a token for what the participant may do now."""
        sign = self._services.refresh_token
        if sign is not None:
            self.signal(rtc.SignalResponse(refresh_token=sign(self.grants)))
            self._refresh_token()

    # What the peer connections say

    def signal(self, message: rtc.SignalResponse) -> None:
        """Send to the client; lost while its connection is."""
        if self._channel is not None:
            self._channel.send(message)

    def on_media_state(self, state: TransportState) -> None:
        """See ConnectionOwner."""
        if self.gone:
            return
        if state == "connected":
            self.clear_deadline("connect")
            self.clear_deadline("media")
            if self.state == State.JOINED:
                self.room.activate(self)
        elif state in {"disconnected", "failed", "closed"} and self.was_active:
            if state == "closed" and self._channel is None:
                self._end(Reason.SIGNAL_CLOSE)
            elif "media" not in self._deadlines:
                self.set_deadline("media", self.settings.reconnect_timeout, self._media_lost)

    def _media_lost(self) -> None:
        self.dismiss(Reason.CONNECTION_TIMEOUT, comes_back=True)

    def on_receiver(self, receiver: Receiver) -> None:
        """See ConnectionOwner."""
        self.upstream.announcements.add(receiver)

    def on_receiver_ended(self, receiver: Receiver) -> None:
        """See ConnectionOwner."""
        self.upstream.on_receiver_ended(receiver)

    def on_described(self) -> None:
        """See ConnectionOwner."""
        self.upstream.announcements.match()
        for publication in self.downstream.unsendable():
            self.subscriptions.refuse(publication)
            refusal = rtc.SubscriptionResponse(
                track_sid=publication.sid, err=models.SubscriptionError.SE_CODEC_UNSUPPORTED
            )
            self.signal(rtc.SignalResponse(subscription_response=refusal))

    def on_refused(self, error: InvalidDescription) -> None:  # noqa: ARG002 - told by reason
        """See ConnectionOwner."""
        if self.was_active:
            self.dismiss(Reason.STATE_MISMATCH, comes_back=True)
        else:
            self.dismiss(Reason.JOIN_FAILURE)

    def on_unanswered(self) -> None:
        """See ConnectionOwner."""
        self.dismiss(Reason.CONNECTION_TIMEOUT, comes_back=True)

    def on_data(self, label: ChannelLabel, payload: bytes) -> None:
        """See ConnectionOwner. Who sends more than it may, reliably, is sent away."""
        if not self.gone and not self.intake.take(label, payload, self._clock.time()):
            self.dismiss(Reason.PARTICIPANT_REMOVED)

    # What it publishes

    def end_track(self, publication: Publication) -> None:
        """See Participant."""
        self.room.unpublish(publication)
        self.tell_unpublished(publication)

    def tell_watched(self, publication: Publication) -> None:
        """See Participant."""
        self.upstream.watched(publication)

    # What it is told

    def tell(self, participant: Participant) -> None:
        """See Participant."""
        info = participant.info
        if self._channel is None:
            if participant.gone:
                self._missed[info.sid] = info
                if len(self._missed) > MAX_MISSED:
                    del self._missed[next(iter(self._missed))]
            return
        self.signal(rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=[info])))

    def tell_room(self, room: models.Room) -> None:
        """See Participant."""
        self.signal(rtc.SignalResponse(room_update=rtc.RoomUpdate(room=room)))

    def attach(self, publication: Publication) -> None:
        """See Participant."""
        self.downstream.attach(publication)

    def detach(self, publication: Publication) -> None:
        """See Participant."""
        self.downstream.detach(publication)

    def refresh(self, publication: Publication) -> None:
        """See Participant."""
        self.downstream.refresh(publication)

    def wanted_layer(self, publication: Publication) -> int:
        """See Participant."""
        return self.downstream.wanted_layer(publication)

    def round_trip_of(self, publication: Publication) -> float | None:
        """See Participant."""
        return self.downstream.round_trip(publication)

    def tell_allowed(self, publication: Publication, allowed: bool) -> None:
        """See Participant."""
        update = rtc.SubscriptionPermissionUpdate(
            participant_sid=publication.publisher.sid, track_sid=publication.sid, allowed=allowed
        )
        self.signal(rtc.SignalResponse(subscription_permission_update=update))

    def tell_subscribed(self, publication: Publication) -> None:
        """See Participant."""
        self.signal(
            rtc.SignalResponse(track_subscribed=rtc.TrackSubscribed(track_sid=publication.sid))
        )

    def tell_muted(self, publication: Publication) -> None:
        """See Participant."""
        mute = rtc.MuteTrackRequest(sid=publication.sid, muted=publication.info.muted)
        self.signal(rtc.SignalResponse(mute=mute))

    def tell_unpublished(self, publication: Publication) -> None:
        """See Participant."""
        gone = rtc.TrackUnpublishedResponse(track_sid=publication.sid)
        self.signal(rtc.SignalResponse(track_unpublished=gone))

    def _knows(self, identity: str) -> bool:
        return identity == self.identity or any(
            publication.publisher.identity == identity for publication in self.subscriptions.active
        )

    def tell_speakers(self, changes: Mapping[str, models.SpeakerInfo]) -> None:
        """See Participant. It is told of itself and of those whom it hears."""
        speakers = [info for identity, info in changes.items() if self._knows(identity)]
        if speakers:
            self.signal(rtc.SignalResponse(speakers_changed=rtc.SpeakersChanged(speakers=speakers)))

    def judge_connection(self) -> bool:
        """See Participant."""
        if not self.was_active:
            return False
        before, self.quality = self.quality, self.downstream.quality()
        return before != self.quality

    def tell_qualities(self, participants: Sequence[Participant]) -> None:
        """See Participant. It is told of itself and of those whom it may know."""
        updates = [
            rtc.ConnectionQualityInfo(
                participant_sid=item.sid, quality=item.quality, score=score(item.quality)
            )
            for item in participants
            if item is self or not item.hidden
        ]
        if updates:
            self.signal(
                rtc.SignalResponse(connection_quality=rtc.ConnectionQualityUpdate(updates=updates))
            )

    def deliver(
        self,
        packet: models.DataPacket,  # noqa: ARG002 - it takes the bytes
        encoded: bytes,
        reliable: bool,
    ) -> None:
        """See Participant. Who does not read what is reliable has to come again."""
        if self.gone:
            return
        label = data_routing.RELIABLE if reliable else data_routing.LOSSY
        if not self.connection.send(label, encoded) and reliable:
            self.dismiss(Reason.STATE_MISMATCH, comes_back=True)

    def update_own(self, request: rtc.UpdateParticipantMetadata) -> None:
        """What the client changes about itself; what is empty stays. Raises InvalidInput."""
        self.update(
            metadata=request.metadata or None,
            name=request.name or None,
            attributes=dict(request.attributes) or None,
        )


def check_parameters(grants: Grants, parameters: JoinParameters) -> None:
    """Raise InvalidInput where what a client brings with its join is too large."""
    if not grants.can_update_own_metadata:
        return
    limits.check_metadata(parameters.metadata)
    limits.merged(grants.attributes, parameters.attributes)
