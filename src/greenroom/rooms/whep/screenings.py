"""What can be watched now: a venue for each session that plays."""

from __future__ import annotations

from greenroom.providers.clock import Clock
from greenroom.rooms.venue import VenuePicture
from greenroom.rooms.whep.venue import WhepVenue
from greenroom.rooms.whep.viewer import NewPeer

MAX_VIEWERS = 20
"""Who watch one session at once."""


class Screenings:
    """The venues by their sessions' ids. `new_peer` makes viewers' peer connections."""

    def __init__(self, new_peer: NewPeer, clock: Clock, *, max_viewers: int = MAX_VIEWERS) -> None:
        self._new_peer, self._clock, self._max_viewers = new_peer, clock, max_viewers
        self._venues: dict[str, WhepVenue] = {}

    def open(self, session_id: str, picture: VenuePicture) -> WhepVenue:
        """A venue for a session, which can be watched until the venue is closed.

        One that the session had before is closed. Raises InvalidInput for a codec that can't be
        sent.
        """
        venue = WhepVenue(
            picture,
            self._clock,
            self._new_peer,
            max_viewers=self._max_viewers,
            on_closed=lambda ended: self._forget(session_id, ended),
        )
        if (before := self._venues.get(session_id)) is not None:
            before.end()
        self._venues[session_id] = venue
        return venue

    def find(self, session_id: str) -> WhepVenue | None:
        """The session's venue; None while there is none."""
        return self._venues.get(session_id)

    def close(self) -> None:
        """End all of them. Harmless twice."""
        for venue in list(self._venues.values()):
            venue.end()

    def _forget(self, session_id: str, venue: WhepVenue) -> None:
        if self._venues.get(session_id) is venue:
            del self._venues[session_id]
