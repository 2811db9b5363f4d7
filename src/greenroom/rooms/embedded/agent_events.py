"""What an agent is told of an embedded room: the server's messages, as events in order."""

from __future__ import annotations

from collections.abc import Callable

from livekit.protocol import models

from greenroom.providers.clock import Clock
from greenroom.rooms.audience import Audience
from greenroom.rooms.embedded.agent_info import (
    is_microphone,
    participant_of,
    started,
)
from greenroom.rooms.embedded.agent_senses import Senses
from greenroom.rooms.embedded.rpc import Rpc
from greenroom.rooms.embedded.text_streams import TextStreams
from greenroom.rooms.embedded.wire_info import reason_name
from greenroom.rooms.ports import (
    DataReceived,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RoomClosed,
    TrackEnded,
    TrackMuted,
)
from greenroom.rooms.rtc.media import MediaSource


class AgentEvents(Audience):
    """A `LocalListener` that tells `RoomListener`s, and feeds what hears, sees, reads and answers.

    `post` sends a packet of a remote call. `on_received` and `on_own_mute` concern the
    agent's own tracks, `on_closed` its place. Nothing is told once it is closed.
    """

    def __init__(
        self,
        clock: Clock,
        post: Callable[[models.DataPacket], None],
        *,
        on_received: Callable[[str], None],
        on_own_mute: Callable[[str, bool], None],
        on_closed: Callable[[str], None],
    ) -> None:
        super().__init__()
        self.senses = Senses(clock)
        self.rpc = Rpc(post, self.is_present, clock)
        self._texts = TextStreams(self.tell, clock)
        self._on_received, self._on_own_mute = on_received, on_own_mute
        self._on_closed = on_closed

    def close(self) -> None:
        """Nothing more is told, heard, seen or answered; `rpc.close` waits for the handlers."""
        self._closed = True
        self.rpc.cancel()
        self._texts.close()
        self.senses.close()

    # LocalListener

    def on_participant_joined(self, participant: models.ParticipantInfo) -> None:
        """See LocalListener."""
        person = self._people[participant.identity] = participant_of(participant)
        self.tell(ParticipantJoined(person))

    def on_participant_changed(self, participant: models.ParticipantInfo) -> None:
        """See LocalListener; only what agents are told of is told."""
        person = participant_of(participant)
        if person != self._people.get(participant.identity):
            self._people[participant.identity] = person
            self.tell(ParticipantChanged(person))

    def on_participant_left(self, participant: models.ParticipantInfo) -> None:
        """See LocalListener."""
        person = self._people.pop(participant.identity, None)
        if person is None:
            return
        self._texts.forget(person.identity)
        self.rpc.left(person.identity)
        self.tell(ParticipantLeft(person, reason_name(participant.disconnect_reason)))

    def on_track(
        self, participant: models.ParticipantInfo, track: models.TrackInfo, source: MediaSource
    ) -> None:
        """See LocalListener."""
        event = started(participant, track)
        if event is None:
            return
        self._tracks[track.sid] = event
        if event.participant.is_human and (event.kind == "video" or is_microphone(track)):
            self.senses.begin(
                track.sid, participant.identity, event.kind, source, muted=track.muted
            )
        self.tell(event)

    def on_track_ended(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        """See LocalListener."""
        self.senses.end(track.sid)
        if self._tracks.pop(track.sid, None) is not None:
            self.tell(TrackEnded(participant_of(participant), track.sid))

    def on_track_muted(self, participant: models.ParticipantInfo, track: models.TrackInfo) -> None:
        """See LocalListener."""
        self.senses.mute(track.sid, track.muted)
        event = started(participant, track)
        if track.sid in self._tracks and event is not None:
            self._tracks[track.sid] = event
            self.tell(TrackMuted(event.participant, track.sid, track.muted))

    def on_data(self, packet: models.DataPacket, reliable: bool) -> None:
        """See LocalListener; what no agent uses (metrics, say) is dropped."""
        sender = packet.participant_identity
        match packet.WhichOneof("value"):
            case "user":
                user = packet.user
                who = sender or user.participant_identity
                self.tell(DataReceived(who, user.payload, user.topic, reliable))
            case "stream_header":
                self._texts.header(sender, packet.stream_header)
            case "stream_chunk":
                self._texts.chunk(sender, packet.stream_chunk)
            case "stream_trailer":
                self._texts.trailer(sender, packet.stream_trailer)
            case "rpc_request":
                self.rpc.on_request(sender, packet.rpc_request)
            case "rpc_ack":
                self.rpc.on_ack(sender, packet.rpc_ack)
            case "rpc_response":
                self.rpc.on_response(sender, packet.rpc_response)
            case _:
                pass

    def on_track_received(self, sid: str) -> None:
        """See LocalListener."""
        self._on_received(sid)

    def on_mute_requested(self, sid: str, muted: bool) -> None:
        """See LocalListener."""
        self._on_own_mute(sid, muted)

    def on_removed(self, reason: str) -> None:
        """See LocalListener."""
        if not self._closed:
            self._on_closed(reason)
            self.tell(RoomClosed(reason))
            self.close()
