"""The mouths that lip sync is taught and judged by."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from greenroom.avatar.visemes import VISEMES

if TYPE_CHECKING:
    from lipsync.speak import Utterance


def names(visemes: list[int]) -> list[str]:
    return [VISEMES[v] for v in visemes]


@pytest.mark.parametrize(
    ("phone", "seen"),
    [
        ("b", ["PP"]),
        ("aʊ", ["aa", "ou"]),
        ("tʃ", ["CH"]),
        ("dʑ", ["CH"]),
        ("ts", ["SS"]),
        ("ˈoː", ["oh"]),  # noqa: RUF001
        ("əl", ["E", "nn"]),
        ("ʊɹ", ["ou", "RR"]),
        ("h", []),
        ("", []),
    ],
)
def test_a_phone_is_seen_as_its_visemes(phone: str, seen: list[str]) -> None:
    from lipsync.phones import visemes

    assert names(visemes(phone)) == seen


def test_lips_are_closed_from_before_a_stop_until_it_bursts(words: Utterance) -> None:
    from lipsync.targets import closures, targets

    mouths = targets(words)
    assert mouths.sum(axis=1) == pytest.approx(1, abs=1e-5)
    closed = closures(words)
    assert len(closed) == 6  # mama, papa, Bob
    for start, end in closed:
        assert 0.02 < end - start < 0.25
        assert mouths[round(50 * (start + end)), VISEMES.index("PP")] > 0.8
        burst = next((t for t, phone in words.phones if phone == "p" and start < t <= end), None)
        if burst is not None:
            # The closure is as silent as the sound shows.
            middle = round(16_000 * (start + burst) / 2)
            assert np.abs(words.pcm[middle - 80 : middle + 80]).max() < 2000


def test_the_mouth_rests_before_and_after_what_is_said(words: Utterance) -> None:
    from lipsync.targets import targets

    mouths = targets(words)
    assert mouths[0, 0] > 0.9
    assert mouths[-1, 0] > 0.99


def test_a_perfect_mouth_is_judged_so_and_a_shut_one_is_not(words: Utterance) -> None:
    from lipsync.judge import judge
    from lipsync.targets import targets

    def perfect(pcm: np.ndarray) -> np.ndarray:
        n = len(pcm) // 640
        return targets(words)[: 4 * n].reshape(n, 4, -1).mean(axis=1)

    def shut(pcm: np.ndarray) -> np.ndarray:
        return np.eye(15, dtype=np.float32)[np.zeros(len(pcm) // 640, int)]

    best = judge(perfect, [(words, words.pcm)])
    assert best.visemes == best.groups == best.openness == pytest.approx(1)
    assert best.closures > 0.6
    assert best.false_closures == 0
    assert best.lead_ms == pytest.approx(0, abs=0.1)
    worst = judge(shut, [(words, words.pcm)])
    assert worst.closures == 1
    assert worst.false_closures == 1
    assert worst.visemes == worst.openness == 0


def test_made_up_words_and_sentences_are_the_same_for_a_seed() -> None:
    import random

    from lipsync import sentences

    for make in (sentences.babble, sentences.english):
        assert make(random.Random(5)) == make(random.Random(5))
        assert make(random.Random(5)).isascii()


def test_nothing_that_is_trained_on_is_in_the_test() -> None:
    from lipsync import corpus

    heard = {*corpus._ENGLISH, *corpus._OTHERS}
    for voice in (*corpus.UNHEARD_VOICES, *corpus.UNHEARD_LANGUAGES):
        _, variant = voice.split("+")
        assert variant not in corpus._VARIANTS
    for voice in corpus.UNHEARD_LANGUAGES:
        assert voice.split("+")[0] not in heard
    assert corpus.UNHEARD_FLITE_VOICE not in corpus._FLITE_VOICES
