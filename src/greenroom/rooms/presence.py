"""Who is in a room to talk to, and for how long nobody has been."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.providers.clock import Clock, Timer
from greenroom.rooms.ports import Participant


class Presence:
    """Counts the humans in a room.

    `on_human` is told of each identity that comes (True) and goes (False); `on_change`, after that,
    when the first comes and when the last goes; `on_absent` once, when nobody came within
    `join_timeout` seconds or nobody came back within `absence`.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        join_timeout: float,
        absence: float,
        on_change: Callable[[bool], None],
        on_absent: Callable[[], None],
        on_human: Callable[[str, bool], None] = lambda _identity, _here: None,
    ) -> None:
        self._clock = clock
        self._absence = absence
        self._on_change = on_change
        self._on_absent = on_absent
        self._on_human = on_human
        # By sid: who comes again may be there twice for a moment.
        self._humans: dict[str, str] = {}
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
        first, known = not self._humans, participant.identity in self._humans.values()
        self._humans[participant.sid] = participant.identity
        self._stop_waiting()
        if not known:
            self._on_human(participant.identity, True)
        if first:
            self._on_change(True)

    def left(self, participant: Participant) -> None:
        """Somebody has gone."""
        identity = self._humans.pop(participant.sid, None)
        if identity is None:
            return
        if identity not in self._humans.values():
            self._on_human(identity, False)
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
