"""What a performance has done, in figures."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from greenroom.rooms.venue import VENUE_RATE


@dataclass(slots=True)
class Figures:
    """Counts since the beginning."""

    pictures: int = 0
    """Shown."""
    late: int = 0
    """Of those, shown after the sound that they belong to."""
    dropped: int = 0
    """Never asked for, since the face was too far behind."""
    samples: int = 0
    """Of sound at VENUE_RATE, played."""
    utterances: int = 0
    interrupts: int = 0
    dry_spells: int = 0
    """Pauses within an utterance because its sound came too late."""
    standstills: int = 0
    """Times that everything stood still for so long that the clock was set anew."""

    def as_values(self) -> dict[str, Any]:
        """For the journal."""
        values = asdict(self)
        values["played_seconds"] = values.pop("samples") / VENUE_RATE
        return values
