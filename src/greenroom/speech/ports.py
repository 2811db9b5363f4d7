"""What a provider of hearing or speaking must be able to do.

A provider is named by a URI (`pocketsphinx:`, `espeak:`), found through the entry-point groups
`greenroom.transcribers` and `greenroom.synthesizers`; an entry point is a callable
`create(uri: str, context: ProviderContext)` that returns a `Transcriber` or a `Synthesizer` and
does no slow work: loading belongs to `warm_up`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from greenroom.audio.pcm import Pcm

VOICES = ("Ashley", "Craig", "Edward", "Olivia", "Wendy", "Priya")
"""The named voices; every synthesizer has them, and they sound different."""


Progress = Callable[[str, int, int | None], None]
"""Told of long work: what it is (`base.en/model.bin`), bytes done, bytes in all if known."""


def log_progress(what: str, done: int, total: int | None) -> None:
    """The progress listener of a server without a terminal: a line at the beginning and the end."""
    if done in {0, total}:
        log = logging.getLogger(__name__)
        log.info("%s: %.1f of %.1f MB", what, done / 1e6, (total or done) / 1e6)


@dataclass(frozen=True, slots=True)
class ProviderContext:
    """What the composition root tells a provider when it makes it."""

    data_dir: Path
    workers: int = 1
    """How many processes or threads of its own it may use."""
    vocabulary: tuple[str, ...] = ()
    """Sentences that users are likely to say; a transcriber may lean towards them."""
    secret: Callable[[str], str | None] = os.environ.get
    """A key by the name of its conventional environment variable (`OPENAI_API_KEY`)."""
    models_url: str = "https://huggingface.co"
    """Where models are fetched from."""
    progress: Progress = log_progress


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was recognised. `confidence` is 0 to 1, estimated by the recogniser itself."""

    text: str
    confidence: float
    final: bool


PartialListener = Callable[[Transcript], None]


class TranscriptionStream(Protocol):
    """The hearing of one turn. Ended by exactly one of `finish` and `cancel`.

    A stream that can be lost in mid-turn may have an attribute `failure` (ProviderFailed or None),
    by which a fallback chain sees it while the user still speaks.
    """

    def feed(self, pcm: Pcm) -> None:
        """Take 16 kHz samples. A plain call that never blocks or raises for provider trouble."""
        ...

    async def finish(self) -> Transcript:
        """No more audio comes: the final transcript (empty text where nothing was said).

        Raises ProviderFailed.
        """
        ...

    def cancel(self) -> None:
        """Free everything; no partial comes afterwards. Harmless after `finish` and twice."""
        ...


class Transcriber(Protocol):
    """Hears. One object serves all sessions of the process."""

    uri: str

    def open(self, on_partial: PartialListener | None = None) -> TranscriptionStream:
        """Begin a turn. `on_partial` is called on the event loop as words are recognised."""
        ...

    async def warm_up(self) -> None:
        """Load models and start helpers, so that the first turn is as quick as the second."""
        ...

    async def close(self) -> None:
        """End every helper."""
        ...


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A piece of one utterance. `words`: (character offset in the text, sample of its onset)."""

    pcm: Pcm
    words: tuple[tuple[int, int], ...] = field(default=())


class Synthesizer(Protocol):
    """Speaks. One object serves all sessions of the process."""

    uri: str
    rate: int
    """Hz of every chunk."""

    def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """One utterance, in chunks as they are made. Closing the iterator stops the work.

        `voice` is one of VOICES; another name is taken as a voice of the provider's own where it
        has one, else raises InvalidInput. Raises ProviderFailed.
        """
        ...

    async def warm_up(self) -> None:
        """Load models and start helpers."""
        ...

    async def close(self) -> None:
        """End every helper."""
        ...
