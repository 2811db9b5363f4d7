"""Whether anybody is in a room to talk to, and for how long nobody has been."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import Participant


class Presence:
    """Counts the humans in a room.

    `on_change` is told when the first comes (True) and when the last goes (False); `on_absent`
    once, when nobody came within `join_timeout` seconds or nobody came back within `absence`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        join_timeout: float,
        absence: float,
        on_change: Callable[[bool], None],
        on_absent: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._absence = absence
        self._on_change = on_change
        self._on_absent = on_absent
        self._humans: set[str] = set()
        self._timer: Timer | None = None
        self._wait(join_timeout)

    @property
    def anybody(self) -> bool:
        """Whether a human is there."""
        return bool(self._humans)

    def joined(self, participant: Participant) -> None:
        """Somebody is there."""
        if not participant.is_human:
            return
        first = not self._humans
        self._humans.add(participant.sid)
        self._stop_waiting()
        if first:
            self._on_change(True)

    def left(self, participant: Participant) -> None:
        """Somebody has gone."""
        if participant.sid not in self._humans:
            return
        self._humans.remove(participant.sid)
        if not self._humans:
            self._wait(self._absence)
            self._on_change(False)

    def close(self) -> None:
        """Tell nothing any more."""
        self._stop_waiting()

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self._clock.call_at(self._clock.time() + seconds, self._absent)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _absent(self) -> None:
        self._timer = None
        self._on_absent()
