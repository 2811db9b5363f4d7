"""The network: a moment of the spectrum in, how much of each viseme is seen out."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from io import BytesIO

import numpy as np

from greenroom.avatar.lipsync.spectrum import BANDS, Floats

BEFORE, AFTER = 8, 5
"""Frames that the network sees before and after the one that it judges."""
CONTEXT = BEFORE + 1 + AFTER

MODEL = "model.npz"
_SPAN = 20
"""dB that are 1 to the network; it sees from three spans below the voice to one above."""


class Network:
    """Two hidden layers of rectified units; the weights are those of `layers`, in order.

    A layer is a matrix (inputs, outputs) and a bias (outputs,). The first takes the bands of
    CONTEXT frames in order, the last gives the visemes' logits.
    """

    def __init__(self, layers: list[tuple[Floats, Floats]]) -> None:
        self._layers = layers

    def __call__(self, moments: Floats) -> Floats:
        """Inputs, shape (n, CONTEXT * BANDS), to weights, shape (n, 15), each row of sum 1."""
        values = moments
        for matrix, bias in self._layers[:-1]:
            values = values @ matrix
            values += bias
            np.maximum(values, 0, out=values)
        matrix, bias = self._layers[-1]
        logits = values @ matrix
        logits += bias
        logits -= logits.max(axis=1, keepdims=True)
        weights: Floats = np.exp(logits, out=logits)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights


def inputs(levels: Floats, voice: Floats) -> Floats:
    """What the network sees: the bands of CONTEXT frames, relative to the level of the voice.

    `levels`: dB, shape (n + CONTEXT - 1, BANDS), all frames that n neighbouring moments see;
    in one piece of memory; `voice`: dB, shape (n,). Returns (n, CONTEXT * BANDS).
    """
    row, column = BANDS * levels.itemsize, levels.itemsize
    moments = np.ndarray((len(voice), CONTEXT * BANDS), levels.dtype, levels, strides=(row, column))
    seen: Floats = moments - voice[:, None]
    seen *= np.float32(1 / _SPAN)
    np.maximum(seen, -3, out=seen)
    return np.minimum(seen, 1, out=seen)


@cache
def shipped() -> Network:
    """The network that comes with Greenroom; tools/lipsync/train.py makes it."""
    return load(files(__package__).joinpath(MODEL).read_bytes())


def load(npz: bytes) -> Network:
    """A network from a file of arrays `matrix0`, `bias0`, `matrix1`, ..."""
    with np.load(BytesIO(npz)) as arrays:
        count = len(arrays.files) // 2
        return Network(
            [
                (arrays[f"matrix{i}"].astype(np.float32), arrays[f"bias{i}"].astype(np.float32))
                for i in range(count)
            ]
        )
