"""What a call of a provider used up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Port: TypeAlias = Literal["transcriber", "synthesizer", "model"]


@dataclass(frozen=True, slots=True)
class Usage:
    """One call of `provider` (a URI). A call that failed has used up what was sent until then."""

    port: Port
    provider: str
    audio_seconds: float = 0.0
    """Heard by a transcriber, or made by a synthesizer."""
    characters: int = 0
    """Of text, to a synthesizer."""
    requests: int = 0
    """To a model."""
    input_tokens: int = 0
    output_tokens: int = 0


UsageListener: TypeAlias = Callable[[Usage], None]
"""Called on the event loop once a call has ended, however it ended; must be quick."""
