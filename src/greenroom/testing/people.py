"""The people in a scripted room: a test plays them."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

from greenroom.audio.pcm import Pcm
from greenroom.rooms.ports import (
    DataReceived,
    Participant,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantKind,
    ParticipantLeft,
    PictureListener,
    RoomEvent,
    RoomListener,
    SoundListener,
    TextReceived,
    TrackEnded,
    TrackKind,
    TrackMuted,
    TrackOrigin,
    TrackStarted,
    VideoFrame,
)


class ScriptedPeople:
    """Who is in a room and who listens to them; the half of `ScriptedRoom` that a test plays."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._people: dict[str, Participant] = {}
        self._tracks: dict[str, TrackStarted] = {}
        self._listeners: list[RoomListener] = []
        self._ears: list[tuple[SoundListener, int]] = []
        self._eyes: list[PictureListener] = []
        self._over = ""

    def participants(self) -> Sequence[Participant]:
        """Who has entered and not left."""
        return tuple(self._people.values())

    def listen(self, listener: RoomListener) -> None:
        """As the port says; after each person their tracks."""
        self._listeners.append(listener)
        for person in self.participants():
            listener(ParticipantJoined(person))
            for track in [t for t in self._tracks.values() if t.participant == person]:
                listener(track)

    def hear(self, listener: SoundListener, *, rate: int) -> None:
        """Get what `speak` says."""
        self._ears.append((listener, rate))

    def watch(self, listener: PictureListener) -> None:
        """Get what `show` shows."""
        self._eyes.append(listener)

    def enter(
        self,
        identity: str,
        *,
        name: str = "",
        kind: ParticipantKind = "standard",
        metadata: str = "",
        attributes: Mapping[str, str] | None = None,
        hidden: bool = False,
        microphone: bool = True,
    ) -> Participant:
        """Somebody comes in, with a microphone unless told otherwise."""
        sid = f"PA_{next(self._numbers)}"
        person = Participant(identity, sid, name, kind, metadata, attributes or {}, hidden)
        self._people[identity] = person
        self._tell(ParticipantJoined(person))
        if microphone:
            self.start_track(identity)
        return person

    def leave(self, identity: str, reason: str = "client_initiated") -> None:
        """Somebody goes, and their tracks end."""
        person = self._people[identity]
        for sid in [s for s, t in self._tracks.items() if t.participant.identity == identity]:
            self.end_track(sid)
        del self._people[identity]
        self._tell(ParticipantLeft(person, reason))

    def change(
        self,
        identity: str,
        *,
        name: str | None = None,
        metadata: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Participant:
        """Somebody is now otherwise; None leaves as it is."""
        person = self._people[identity]
        person = replace(
            person,
            name=person.name if name is None else name,
            metadata=person.metadata if metadata is None else metadata,
            attributes=person.attributes if attributes is None else attributes,
        )
        self._people[identity] = person
        for sid, track in self._tracks.items():
            if track.participant.identity == identity:
                self._tracks[sid] = replace(track, participant=person)
        self._tell(ParticipantChanged(person))
        return person

    def start_track(
        self,
        identity: str,
        kind: TrackKind = "audio",
        origin: TrackOrigin = "microphone",
        *,
        muted: bool = False,
    ) -> str:
        """Somebody publishes a track; its sid."""
        track = TrackStarted(self._people[identity], self._sid(), kind, origin, muted)
        self._tracks[track.sid] = track
        self._tell(track)
        return track.sid

    def end_track(self, sid: str) -> None:
        """A track is gone."""
        self._tell(TrackEnded(self._tracks.pop(sid).participant, sid))

    def mute_track(self, sid: str, muted: bool = True) -> None:
        """A track is muted, or no more."""
        track = self._tracks[sid] = replace(self._tracks[sid], muted=muted)
        self._tell(TrackMuted(track.participant, sid, muted))

    def speak(self, identity: str, pcm: Pcm, *, rate: int = 16_000) -> None:
        """Somebody's sound: handed over as it would be, so nothing of the muted or not human.

        Raises ValueError where a listener asked for another rate.
        """
        if not self._audible(identity):
            return
        for listener, asked in self._ears:
            if asked != rate:
                raise ValueError(f"asked for {asked} Hz, got {rate} Hz")
            listener(identity, pcm)

    def show(self, identity: str, frame: VideoFrame) -> None:
        """Somebody's picture."""
        if self._people[identity].is_human and not self._over:
            for listener in self._eyes:
                listener(identity, frame)

    def send_data_from(
        self, identity: str, payload: bytes, *, topic: str = "", reliable: bool = True
    ) -> None:
        """Somebody's data packet; the server's where `identity` is empty."""
        self._tell(DataReceived(identity, payload, topic, reliable))

    def send_text_from(
        self,
        identity: str,
        text: str,
        *,
        topic: str = "lk.chat",
        attributes: Mapping[str, str] | None = None,
    ) -> None:
        """Somebody's complete text stream."""
        self._tell(TextReceived(identity, text, topic, attributes or {}))

    def _sid(self) -> str:
        return f"TR_{next(self._numbers)}"

    def _audible(self, identity: str) -> bool:
        return (
            not self._over
            and self._people[identity].is_human
            and any(
                t.participant.identity == identity and t.kind == "audio" and not t.muted
                for t in self._tracks.values()
            )
        )

    def _tell(self, event: RoomEvent) -> None:
        if not self._over:
            for listener in self._listeners:
                listener(event)
