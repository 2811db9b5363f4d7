"""The eighteen voices, and who speaks them here."""

from __future__ import annotations

import pytest

from greenroom.duplex.voices import VOICES, engine_voice
from greenroom.errors import InvalidInput
from greenroom.speech import ports


def test_there_are_eighteen_voices_in_their_order() -> None:
    assert len(VOICES) == len(set(VOICES)) == 18
    assert VOICES[0] == "NATF0.pt"
    assert VOICES[4] == "NATM0.pt"
    assert VOICES[8] == "VARF0.pt"
    assert VOICES[-1] == "VARM4.pt"


def test_each_is_spoken_by_a_voice_of_every_synthesizer_of_the_same_sex() -> None:
    men = {"Craig", "Edward"}
    for name in VOICES:
        voice = engine_voice(name)
        assert voice in ports.VOICES
        assert (voice in men) == ("M" in name)
    assert {engine_voice(name) for name in VOICES} == set(ports.VOICES)


@pytest.mark.parametrize("name", ["", "NATF9.pt", "../NATF0.pt", "NATF0"])
def test_an_unknown_voice_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(InvalidInput, match=r"voice_prompt.*VARM4\.pt"):
        engine_voice(name)
