"""A client in a room: its signalling connection, its peer connections, and its deadlines."""

from __future__ import annotations

from livekit.protocol import models, rtc

from greenroom.rooms.embedded import data_routing, limits, wire_info
from greenroom.rooms.embedded.connection import Connection
from greenroom.rooms.embedded.deadlines import Deadlines
from greenroom.rooms.embedded.downstream import Downstream
from greenroom.rooms.embedded.dual_connection import DualConnection
from greenroom.rooms.embedded.grants import Grants
from greenroom.rooms.embedded.joining import JoinParameters, SignalChannel
from greenroom.rooms.embedded.participant import State
from greenroom.rooms.embedded.publication import Publication
from greenroom.rooms.embedded.room import Room
from greenroom.rooms.embedded.services import Services
from greenroom.rooms.embedded.session import Session
from greenroom.rooms.embedded.signalled import SignalledParticipant
from greenroom.rooms.embedded.signalling import Requests
from greenroom.rooms.embedded.single_connection import SingleConnection
from greenroom.rooms.embedded.upstream import Upstream
from greenroom.rooms.errors import InvalidDescription
from greenroom.rooms.rtc.ports import ChannelLabel, Receiver, TransportState

Reason = models.DisconnectReason

REFRESH_INTERVAL = 300.0
"""Seconds between new tokens, so that a client can always come back."""

RETRY = 5.0
"""Seconds after which a client that was asked for media sections is asked again."""


class ClientParticipant(SignalledParticipant):
    """Somebody with a peer connection. Media comes and goes by `Connection`."""

    def __init__(
        self, room: Room, grants: Grants, parameters: JoinParameters, services: Services
    ) -> None:
        super().__init__(room, grants, auto_subscribe=parameters.auto_subscribe)
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
        self._session = Session(None)
        self._deadlines = Deadlines(self._clock)
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
        self._deadlines.set("connect", self.settings.connect_timeout, self._never_connected)
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
        self._deadlines.clear("signal")
        self.signal(
            rtc.SignalResponse(
                reconnect=rtc.ReconnectResponse(
                    ice_servers=wire_info.ice_servers(self._services.ice_servers(self.identity)),
                    server_info=wire_info.SERVER_INFO,
                    last_message_seq=self.intake.last_sequence,
                )
            )
        )
        self.tell_everything()
        for publication in self.publications.values():
            if publication.held:
                self.tell_muted(publication)
        self.upstream.tell_again()
        for announced in self.upstream.announcements.waiting:
            self.requests.confirm(announced)
        self.connection.resume()
        if parameters.publisher_offer is not None:
            self.requests.offer(parameters.publisher_offer)
        return session

    def _take(self, channel: SignalChannel) -> Session:
        self._session.end()
        if self.channel is not None:
            self.channel.close("replaced by a newer connection")
        self.channel = channel
        self._session = Session(self)
        return self._session

    def signal_lost(self) -> None:
        """The signalling connection is gone: the place is kept for a while."""
        self.channel = None
        if self.connection.state == "closed":
            self._end(Reason.SIGNAL_CLOSE)
        else:
            self._deadlines.set(
                "signal",
                self.settings.reconnect_timeout,
                lambda: self._end(Reason.SIGNAL_CLOSE),
            )

    def leave(self) -> None:
        """The client says goodbye."""
        self._end(Reason.CLIENT_INITIATED)

    def drop_signal(self) -> None:
        """Close the signalling connection without a word, as a failing network would."""
        channel, self.channel = self.channel, None
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
        channel, self.channel = self.channel, None
        self._session.end()
        self._deadlines.close()
        self.room.remove(self, reason)
        self.upstream.close()
        self.connection.close()
        if channel is not None:
            channel.close(wire_info.reason_name(reason))

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
            self._deadlines.set("token", REFRESH_INTERVAL, self.renew_token)

    def renew_token(self) -> None:
        """Send a token for what the participant may do now."""
        sign = self._services.refresh_token
        if sign is not None:
            self.signal(rtc.SignalResponse(refresh_token=sign(self.grants)))
            self._refresh_token()

    # What the peer connections say

    def on_media_state(self, state: TransportState) -> None:
        """See ConnectionOwner."""
        if self.gone:
            return
        self.subscriptions.review_reception()
        if state == "connected":
            self._deadlines.clear("connect")
            self._deadlines.clear("media")
            if self.state == State.JOINED:
                self.room.activate(self)
        elif state in {"disconnected", "failed", "closed"} and self.was_active:
            if state == "closed" and self.channel is None:
                self._end(Reason.SIGNAL_CLOSE)
            elif "media" not in self._deadlines:
                self._deadlines.set("media", self.settings.reconnect_timeout, self._media_lost)

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
        self.upstream.announcements.match(described=True)
        for publication in self.downstream.unsendable():
            self.subscriptions.refuse(publication)
            refusal = rtc.SubscriptionResponse(
                track_sid=publication.sid, err=models.SubscriptionError.SE_CODEC_UNSUPPORTED
            )
            self.signal(rtc.SignalResponse(subscription_response=refusal))
        self.subscriptions.review_reception()

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

    # What it gets

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

    def receives(self, publication: Publication) -> bool:
        """See Participant."""
        return self.downstream.is_sent(publication)

    def round_trip_of(self, publication: Publication) -> float | None:
        """See Participant."""
        return self.downstream.round_trip(publication)

    def fraction_lost_of(self, publication: Publication) -> float:
        """See Participant."""
        return self.downstream.fraction_lost(publication)

    def judge_connection(self) -> bool:
        """See Participant."""
        if not self.was_active:
            return False
        before, self.quality = self.quality, self.downstream.quality()
        return before != self.quality

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
