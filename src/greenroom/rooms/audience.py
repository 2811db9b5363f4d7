"""Who is in a room and what they publish, and whom to tell of it: the same wherever the room is."""

from __future__ import annotations

from collections.abc import Sequence

from greenroom.rooms.ports import (
    Participant,
    ParticipantJoined,
    RoomEvent,
    RoomListener,
    TrackStarted,
)


class Audience:
    """The people and tracks that a kind of room keeps up to date, and its listeners.

    Nothing is told any more once `_closed` is set.
    """

    def __init__(self) -> None:
        self._people: dict[str, Participant] = {}
        self._tracks: dict[str, TrackStarted] = {}
        self._listeners: list[RoomListener] = []
        self._closed = False

    def participants(self) -> Sequence[Participant]:
        """Who is there."""
        return tuple(self._people.values())

    def is_present(self, identity: str) -> bool:
        """Whether somebody is there."""
        return identity in self._people

    def listen(self, listener: RoomListener) -> None:
        """Tell of everything from now on, and of what is there first: people, then their tracks."""
        self._listeners.append(listener)
        for person in self.participants():
            listener(ParticipantJoined(person))
            for track in list(self._tracks.values()):
                if track.participant.identity == person.identity:
                    listener(track)

    def tell(self, event: RoomEvent) -> None:
        """To all listeners."""
        if not self._closed:
            for listener in tuple(self._listeners):
                listener(event)
