"""What a loop that goes on for ever says of what it can't do for a while: one line each time."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from greenroom.errors import GreenroomError


class Troubles:
    """Which parts don't work at present, of what is called `doing`."""

    def __init__(self, log: logging.Logger, doing: str) -> None:
        self._log = log
        self._doing = doing
        self._present: set[str] = set()

    @contextmanager
    def survive(self, part: str) -> Iterator[None]:
        """Go on after the block where it raises a GreenroomError; say so, and when it works again.

        `part`: what does the work, as it is called in the log.
        """
        try:
            yield
        except GreenroomError as error:
            if part not in self._present:
                self._present.add(part)
                self._log.warning("%s: %s fails: %s", self._doing, part, error)
        else:
            if part in self._present:
                self._present.discard(part)
                self._log.info("%s: %s works again", self._doing, part)
