"""Speech with known phone times, spoken once for all tests of lip sync."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "tools"))

if TYPE_CHECKING:
    from lipsync.speak import Utterance


@pytest.fixture(scope="session")
def unheard() -> list[Utterance]:
    """One unheard sentence by each unheard voice: about a minute."""
    from lipsync.speak import Espeak

    from lipsync import corpus

    return [said for _, said in corpus.unheard(Espeak(), sentences_each=1)]


@pytest.fixture(scope="session")
def words() -> Utterance:
    """Lips that close and round, by a voice that the network was not trained on."""
    from lipsync.speak import Espeak

    return Espeak().say("Mama. Papa. Bob. You too. Oh no.", "gmw/en-US+f3", words_per_minute=120)
