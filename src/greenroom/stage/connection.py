"""A session's avatar as one connection has it in hand."""

from __future__ import annotations

from collections.abc import Callable

from greenroom.audio.pcm import Pcm
from greenroom.avatar.ports import Activity, GestureCue
from greenroom.stage.performance import Performance
from greenroom.stage.ports import AvatarClient


class Connection:
    """See `ports.LiveAvatar`. Once another has its place it does nothing any more.

    `at_work` gives the performance, and counts as activity; None where the session has ended or
    another connection has it. `leave` tells the session that this one is gone, `renew` its venues
    of a new token.
    """

    def __init__(
        self,
        client: AvatarClient,
        at_work: Callable[[Connection], Performance | None],
        leave: Callable[[Connection], None],
        renew: Callable[[str], None],
    ) -> None:
        self.client = client
        self._at_work = at_work
        self._leave = leave
        self._renew = renew

    def voice(self, pcm: Pcm, rate: int) -> None:
        """See LiveAvatar."""
        if (performance := self._at_work(self)) is not None:
            performance.voice(pcm, rate)

    def voice_end(self) -> None:
        """See LiveAvatar."""
        if (performance := self._at_work(self)) is not None:
            performance.voice_end()

    def interrupt(self) -> None:
        """See LiveAvatar."""
        if (performance := self._at_work(self)) is not None:
            performance.interrupt()

    def gesture(self, cue: GestureCue) -> None:
        """See LiveAvatar."""
        if (performance := self._at_work(self)) is not None:
            performance.gesture(cue)

    def set_activity(self, activity: Activity) -> None:
        """See LiveAvatar."""
        if (performance := self._at_work(self)) is not None:
            performance.set_activity(activity)

    def renew(self, token: str) -> None:
        """See LiveAvatar."""
        if self._at_work(self) is not None:
            self._renew(token)

    def leave(self) -> None:
        """See LiveAvatar."""
        self._leave(self)
