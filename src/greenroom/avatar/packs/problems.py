"""What is wrong with an avatar pack: all of it is collected, so that it is heard at once."""

from __future__ import annotations

from greenroom.errors import InvalidInput


class Problems:
    """The problems that were found so far, in the order in which they were."""

    def __init__(self) -> None:
        self.found: list[InvalidInput] = []

    def add(self, where: str, problem: str, allowed: str = "") -> None:
        """`where`: the file, and what in it; `allowed`: what would be right."""
        self.found.append(InvalidInput(where, problem, allowed))

    def raise_first(self) -> None:
        """Raise InvalidInput if there is any; its text says how many more there are."""
        if not self.found:
            return
        first, more = self.found[0], len(self.found) - 1
        if more:
            raise InvalidInput(first.field, f"{first.problem} (and {more} more)", first.allowed)
        raise first
