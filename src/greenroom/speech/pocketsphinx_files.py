"""Where the language model for a set of sentences is kept, and under which names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from greenroom.speech.phrases import GENERAL_PHRASES

LANGUAGE_MODEL, DICTIONARY, FILLERS = "language.lm.bin", "words.dict", "fillers.dict"

_RECIPE = 2
"""To be raised when the way of building changes."""


def directory_for(data_dir: Path, sentences: Sequence[str]) -> Path:
    """Where the model for `sentences` is, or will be: the name tells what went into it."""
    digest = hashlib.sha256(f"{_RECIPE}\0{version('pocketsphinx')}".encode())
    for sentence in (*GENERAL_PHRASES, *sentences):
        digest.update(b"\0" + sentence.encode())
    return data_dir / "speech" / f"pocketsphinx-{digest.hexdigest()[:20]}"
