"""Which tracks a participant gets: what it wants, and what it is allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from greenroom.rooms.embedded.limits import MAX_CHOICES
from greenroom.rooms.embedded.publication import Publication

if TYPE_CHECKING:
    from greenroom.rooms.embedded.participant import Participant


class Subscriptions:
    """The tracks of one participant. `auto`: it wants every track it said nothing about."""

    def __init__(self, subscriber: Participant, *, auto: bool) -> None:
        self._subscriber = subscriber
        self._auto = auto
        self._choices: dict[str, bool] = {}
        self._denied: set[str] = set()
        self._refused: set[str] = set()
        self._active: dict[str, Publication] = {}

    @property
    def active(self) -> Iterable[Publication]:
        """What it gets now."""
        return self._active.values()

    def get(self, sid: str) -> Publication | None:
        """A track that it gets, by its id."""
        return self._active.get(sid)

    def choose(self, sid: str, wanted: bool) -> None:
        """Remember that the participant wants a track, or doesn't; `review` makes it so.

        The oldest choices are forgotten where there are too many.
        """
        self._refused.discard(sid)
        self._choices.pop(sid, None)
        self._choices[sid] = wanted
        if len(self._choices) > MAX_CHOICES:
            del self._choices[next(iter(self._choices))]

    def review(self, publication: Publication) -> None:
        """Start or stop a track, as wishes and permissions are now."""
        subscriber, sid = self._subscriber, publication.sid
        if publication.publisher is subscriber or publication.publisher.hidden or subscriber.gone:
            return
        allowed = publication.publisher.permissions.allow(subscriber, sid)
        wanted = self._choices.get(sid, self._auto) and subscriber.grants.can_subscribe
        if allowed == (sid in self._denied) and wanted:
            # told only where it is news: tracks are allowed until somebody forbids them
            (self._denied.discard if allowed else self._denied.add)(sid)
            subscriber.tell_allowed(publication, allowed)
        if wanted and allowed:
            self._start(publication)
        else:
            self._stop(publication)

    def _start(self, publication: Publication) -> None:
        if publication.sid in self._active or publication.sid in self._refused:
            return
        self._active[publication.sid] = publication
        publication.subscribers.add(self._subscriber)
        self._subscriber.attach(publication)
        self._review_reception(publication)
        self._subscriber.room.watched(publication)

    def review_reception(self) -> None:
        """What it gets may reach it now, or no more: connections and descriptions have changed."""
        for publication in list(self._active.values()):
            self._review_reception(publication)

    def _review_reception(self, publication: Publication) -> None:
        """Tell a publisher of whoever begins to receive its track, unless nobody may know."""
        subscriber = self._subscriber
        if not subscriber.receives(publication):
            publication.receivers.discard(subscriber)
        elif subscriber not in publication.receivers:
            publication.receivers.add(subscriber)
            if not subscriber.hidden:
                publication.publisher.tell_received(publication)

    def _stop(self, publication: Publication) -> None:
        if self._active.pop(publication.sid, None) is None:
            return
        publication.subscribers.discard(self._subscriber)
        publication.receivers.discard(self._subscriber)
        self._subscriber.detach(publication)
        self._subscriber.room.watched(publication)

    def refuse(self, publication: Publication) -> None:
        """The subscriber can't take a track: it gets it no more until it asks again."""
        self._stop(publication)
        self._refused.add(publication.sid)

    def end(self, publication: Publication) -> None:
        """The track is gone."""
        self._stop(publication)
        self._choices.pop(publication.sid, None)
        self._denied.discard(publication.sid)
        self._refused.discard(publication.sid)

    def close(self) -> None:
        """Get nothing any more."""
        for publication in list(self._active.values()):
            self._stop(publication)
