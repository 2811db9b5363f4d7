"""The shipped model on real speech, by voices and sentences that it was not trained on.

The floors lie well under what bench/lipsync.py measures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from greenroom.avatar.visemes import VISEMES

if TYPE_CHECKING:
    from lipsync.judge import Verdict
    from lipsync.speak import Utterance

PP = VISEMES.index("PP")
ROUND = [VISEMES.index("oh"), VISEMES.index("ou")]


@pytest.fixture(scope="module")
def verdict(unheard: list[Utterance]) -> Verdict:
    from lipsync.judge import judge, read_lips

    return judge(read_lips, [(said, said.pcm) for said in unheard])


def test_the_mouth_fits_what_is_said(verdict: Verdict) -> None:
    assert verdict.visemes > 0.45
    assert verdict.groups > 0.53
    assert verdict.openness > 0.72
    assert verdict.roundness > 0.55


def test_lips_close_for_p_b_and_m_and_seldom_else(verdict: Verdict) -> None:
    assert verdict.closures > 0.7
    assert verdict.false_closures < 0.06


def test_the_mouth_moves_when_it_is_heard(verdict: Verdict) -> None:
    assert abs(verdict.lead_ms) < 25


def test_it_is_far_better_than_a_mouth_that_follows_loudness(
    verdict: Verdict, unheard: list[Utterance]
) -> None:
    from lipsync.judge import energy_only, judge

    simple = judge(energy_only, [(said, said.pcm) for said in unheard])
    assert verdict.visemes > 2 * simple.visemes
    assert verdict.groups > 1.5 * simple.groups
    assert verdict.openness > simple.openness + 0.1


@pytest.mark.parametrize("gain", [0.006, 0.1, 4.0])
def test_a_voice_may_be_soft_or_clip(words: Utterance, gain: float) -> None:
    from lipsync.judge import OPENNESS, read_lips

    usual = read_lips(words.pcm) @ OPENNESS
    changed = np.clip(words.pcm * gain, -32768, 32767).astype(np.int16)
    assert np.corrcoef(usual, read_lips(changed) @ OPENNESS)[0, 1] > 0.85


def test_a_telephone_line_is_enough(words: Utterance) -> None:
    from lipsync.augment import telephone
    from lipsync.judge import OPENNESS, read_lips

    usual = read_lips(words.pcm) @ OPENNESS
    line = np.clip(telephone(words.pcm.astype(np.float32)), -32768, 32767).astype(np.int16)
    assert np.corrcoef(usual, read_lips(line) @ OPENNESS)[0, 1] > 0.8


def test_lips_are_seen_closed_and_round(words: Utterance) -> None:
    from lipsync.judge import read_lips

    shown = read_lips(words.pcm)
    assert shown[:, PP].max() > 0.85
    assert shown[:, ROUND].sum(axis=1).max() > 0.75


@pytest.mark.parametrize("kind", ["noise", "music"])
def test_noise_and_music_move_the_mouth_far_less_than_speech(
    unheard: list[Utterance], kind: str
) -> None:
    from lipsync.judge import OPENNESS, read_lips

    from lipsync import augment

    rng = np.random.default_rng(3)
    make = getattr(augment, kind)

    def restlessness(pcm: np.ndarray) -> float:
        return float(np.abs(np.diff(read_lips(pcm) @ OPENNESS)).mean())

    sounds = [make(32_000, rng) for _ in range(4)]
    pieces = [(8000 * s / np.abs(s).max()).astype(np.int16) for s in sounds]
    still = np.mean([restlessness(piece) for piece in pieces])
    assert still < 0.5 * restlessness(unheard[0].pcm)
