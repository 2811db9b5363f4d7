from __future__ import annotations

import threading

import numpy as np
import pytest

from audio.sounds import REFERENCE
from greenroom.audio.silero import CONTEXT, STATE, WINDOW, SileroModel


@pytest.fixture(scope="module")
def model() -> SileroModel:
    """Made in a thread that ends, so that this one's floating-point mode stays as it is."""
    made: list[SileroModel] = []
    maker = threading.Thread(target=lambda: made.append(SileroModel(8)))
    maker.start()
    maker.join()
    return made[0]


def test_probabilities_and_states_are_those_of_the_original_network(model: SileroModel) -> None:
    pcm = np.concatenate([np.zeros(CONTEXT, np.int16), REFERENCE["pcm"]])
    state = np.zeros(STATE, np.float32)
    probabilities, states = [], []
    for start in range(0, len(REFERENCE["pcm"]), WINDOW):
        model.windows[0] = pcm[start : start + CONTEXT + WINDOW]
        model.states[0] = state
        model.run(1)
        state = model.next_states[0].copy()
        probabilities.append(model.probabilities[0, 0])
        states.append(state)

    assert len(probabilities) == 160
    assert max(probabilities) > 0.99
    assert min(probabilities) < 0.05
    assert np.abs(np.array(probabilities) - REFERENCE["probabilities"]).max() < 1e-4
    assert np.abs(np.array(states)[7::8] - REFERENCE["states"]).max() < 1e-3


def test_the_rows_of_a_batch_do_not_touch_each_other(model: SileroModel) -> None:
    windows = np.lib.stride_tricks.sliding_window_view(REFERENCE["pcm"], CONTEXT + WINDOW)
    rng = np.random.default_rng(1)
    some = windows[[0, 4_000, 9_000, 21_000, 35_000, 50_000, 60_000, 77_000]]
    states = rng.standard_normal((8, STATE)).astype(np.float32) * 0.3
    alone = []
    for window, state in zip(some, states, strict=True):
        model.windows[0], model.states[0] = window, state
        model.run(1)
        alone.append((float(model.probabilities[0, 0]), model.next_states[0].copy()))
    model.windows[:], model.states[:] = some, states
    model.run(8)

    for row, (probability, state) in enumerate(alone):
        assert model.probabilities[row, 0] == pytest.approx(probability, abs=1e-5)
        assert np.abs(model.next_states[row] - state).max() < 1e-5


def test_the_caller_s_floating_point_mode_is_left_alone(model: SileroModel) -> None:
    model.run(1)
    assert np.full(8, 1e-41, np.float32).max() * np.float32(0.5) > 0
