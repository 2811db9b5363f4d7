"""What an agent is told of a LiveKit room: the SDK's events, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Any

from livekit import rtc
from livekit.rtc import DataPacketKind, DisconnectReason

from greenroom.rooms.audience import Audience
from greenroom.rooms.livekit.info import (
    is_voice_or_picture,
    participant_of,
    reason_name,
    started,
)
from greenroom.rooms.livekit.senses import Senses
from greenroom.rooms.ports import (
    DataReceived,
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RoomClosed,
    TextReceived,
    TrackEnded,
    TrackMuted,
)

_log = logging.getLogger(__name__)

MAX_OPEN_TEXTS = 64
"""Text streams that are read at a time; more are refused. The SDK bounds each one's size."""
TEXT_TIMEOUT = 60.0
"""Seconds in which a text stream must be complete."""


class RoomEvents(Audience):
    """Listens to the SDK's room from before it connects. `on_closed` is told why it is gone."""

    def __init__(
        self, room: rtc.Room, topics: Sequence[str], on_closed: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.senses = Senses()
        self._room, self._on_closed = room, on_closed
        self._reading: set[asyncio.Task[None]] = set()
        handlers: dict[rtc.room.EventTypes, Callable[..., None]] = {
            "participant_connected": self._on_joined,
            "participant_disconnected": self._on_left,
            "participant_name_changed": self._on_changed,
            "participant_metadata_changed": self._on_changed,
            "participant_attributes_changed": self._on_attributes,
            "track_subscribed": self._on_track,
            "track_unsubscribed": self._on_track_ended,
            "track_muted": self._on_muted,
            "track_unmuted": self._on_muted,
            "data_received": self._on_data,
            "disconnected": self._on_disconnected,
        }
        for name, handler in handlers.items():
            room.on(name, handler)
        for topic in topics:
            room.register_text_stream_handler(topic, self._on_text)

    def connected(self) -> None:
        """Those who are there already; the SDK has no events for them."""
        for participant in self._room.remote_participants.values():
            self._on_joined(participant)

    def stop(self) -> None:
        """Nothing more is told; `close` follows."""
        self._closed = True
        for task in self._reading:
            task.cancel()

    async def close(self) -> None:
        """As `stop`, and wait until nothing runs any more."""
        self.stop()
        if self._reading:
            await asyncio.wait(list(self._reading))
        await self.senses.close()

    def _on_joined(self, participant: rtc.RemoteParticipant) -> None:
        if participant.identity in self._people:
            return
        person = self._people[participant.identity] = participant_of(participant)
        self.tell(ParticipantJoined(person))

    def _on_changed(self, participant: rtc.Participant, *_: Any) -> None:
        person = participant_of(participant)
        known = self._people.get(person.identity)
        if known is not None and person != known:
            self._people[person.identity] = person
            self.tell(ParticipantChanged(person))

    def _on_attributes(self, _changed: Any, participant: rtc.Participant) -> None:
        self._on_changed(participant)

    def _on_left(self, participant: rtc.RemoteParticipant) -> None:
        person = self._people.pop(participant.identity, None)
        if person is None:
            return
        for sid, track in list(self._tracks.items()):
            if track.participant.identity == person.identity:
                self._end(person, sid)
        self.tell(ParticipantLeft(person, reason_name(participant.disconnect_reason)))

    def _on_track(
        self,
        track: rtc.RemoteTrack,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        self._on_joined(participant)
        event = self._tracks[publication.sid] = started(participant, publication)
        if event.participant.is_human and is_voice_or_picture(event) and not self._closed:
            self.senses.begin(event.sid, participant.identity, track, muted=event.muted)
        self.tell(event)

    def _on_track_ended(
        self,
        _track: Any,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        self._end(participant_of(participant), publication.sid)

    def _end(self, person: Participant, sid: str) -> None:
        self.senses.end(sid)
        if self._tracks.pop(sid, None) is not None:
            self.tell(TrackEnded(person, sid))

    def _on_muted(self, participant: rtc.Participant, publication: rtc.TrackPublication) -> None:
        if publication.sid in self._tracks:
            event = self._tracks[publication.sid] = started(participant, publication)
            self.senses.mute(event.sid, event.muted)
            self.tell(TrackMuted(event.participant, event.sid, event.muted))

    def _on_data(self, packet: rtc.DataPacket) -> None:
        identity = packet.participant.identity if packet.participant else ""
        reliable = packet.kind == DataPacketKind.KIND_RELIABLE
        self.tell(DataReceived(identity, packet.data, packet.topic or "", reliable))

    def _on_text(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if self._closed or len(self._reading) >= MAX_OPEN_TEXTS:
            reader.close()
            return
        task = asyncio.get_running_loop().create_task(self._read(reader, identity))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            async with asyncio.timeout(TEXT_TIMEOUT):
                text = await reader.read_all()
        except (TimeoutError, rtc.StreamError) as error:
            _log.info("room %s: a text of %s is not complete: %s", self._room.name, identity, error)
            return
        finally:
            reader.close()
        info = reader.info
        self.tell(TextReceived(identity, text, info.topic, dict(info.attributes or {})))

    def _on_disconnected(self, reason: DisconnectReason.ValueType) -> None:
        if not self._closed:
            name = reason_name(reason)
            self._on_closed(name)
            self.tell(RoomClosed(name))
            self.stop()
