from __future__ import annotations

from collections.abc import Iterable

from greenroom.audio.speech_gate import SpeechGate
from greenroom.settings import TurnSettings

WINDOW = 512


def verdicts(gate: SpeechGate, probabilities: Iterable[float]) -> list[bool]:
    return [gate.update(p, (i + 1) * WINDOW) for i, p in enumerate(probabilities)]


def test_speech_begins_after_enough_voice_in_a_row_and_its_onset_is_the_first_window() -> None:
    gate = SpeechGate(TurnSettings(min_speech_ms=96))
    assert verdicts(gate, [0.1, 0.1, 0.9, 0.9, 0.9, 0.9]) == [False] * 4 + [True] * 2
    assert gate.onset == 2 * WINDOW
    assert gate.voiced_until == 6 * WINDOW


def test_a_click_of_one_window_is_not_speech() -> None:
    gate = SpeechGate(TurnSettings())
    assert not any(verdicts(gate, [0.1, 0.95, 0.1, 0.1, 0.95, 0.2]))


def test_between_the_thresholds_speech_goes_on_but_does_not_begin() -> None:
    gate = SpeechGate(TurnSettings(speech_threshold=0.5, silence_threshold=0.35))
    assert verdicts(gate, [0.4, 0.4, 0.4, 0.4, 0.6, 0.4, 0.4, 0.3, 0.4, 0.4]) == (
        [False] * 5 + [True, True] + [False] * 3
    )
    assert gate.onset == 4 * WINDOW
    assert gate.voiced_until == 7 * WINDOW


def test_the_first_window_may_already_be_speech() -> None:
    gate = SpeechGate(TurnSettings(min_speech_ms=0))
    assert gate.update(0.9, WINDOW)
    assert (gate.onset, gate.voiced_until) == (0, WINDOW)
