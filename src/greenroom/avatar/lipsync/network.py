"""The network: a moment of the spectrum in, how much of each viseme is seen out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from io import BytesIO
from typing import TypeAlias

import numpy as np

from greenroom.avatar.lipsync.spectrum import BANDS, Floats

BEFORE, AFTER = 8, 5
"""Frames that the network sees before and after the one that it judges."""
CONTEXT = BEFORE + 1 + AFTER
PATCH = 3
"""Frames that a unit of the first layer sees."""
PATCHES = CONTEXT - PATCH + 1

MODEL = "model.npz"
_SPAN = 20
"""dB that are 1 to the network; it sees from three spans below the voice to one above."""


Layer: TypeAlias = tuple[Floats, Floats]
"""A matrix (inputs, outputs) and a bias (outputs,)."""


class Network:
    """Rectified layers, the last of which gives the visemes' logits.

    The first is applied to every PATCH neighbouring frames of the CONTEXT alike, and sees sounds
    begin and end; the second takes all that it has to say in order of time.
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._layers = tuple(layers)

    def __call__(self, moments: Floats) -> Floats:
        """Inputs, shape (n, CONTEXT * BANDS), to weights, shape (n, 15), each row of sum 1."""
        return softmax(self.passes(moments)[-1])

    def passes(self, moments: Floats) -> list[Floats]:
        """What goes into each layer, and the logits that come out of the last one."""
        (matrix, bias), *others = self._layers
        values = patches(moments)
        passed = [values]
        values = rectified(values, matrix, bias).reshape(len(moments), -1)
        for matrix, bias in others[:-1]:
            passed.append(values)
            values = rectified(values, matrix, bias)
        matrix, bias = others[-1]
        return [*passed, values, values @ matrix + bias]


def patches(moments: Floats) -> Floats:
    """Every PATCH neighbouring frames of each moment: (n * PATCHES, PATCH * BANDS)."""
    step = moments.itemsize
    overlapping = np.ndarray(
        (len(moments), PATCHES, PATCH * BANDS),
        moments.dtype,
        moments,
        strides=(CONTEXT * BANDS * step, BANDS * step, step),
    )
    return overlapping.reshape(len(moments) * PATCHES, PATCH * BANDS)


def rectified(values: Floats, matrix: Floats, bias: Floats) -> Floats:
    """One layer of rectified units."""
    product: Floats = values @ matrix
    product += bias
    np.maximum(product, 0, out=product)
    return product


def softmax(logits: Floats) -> Floats:
    """Rows of logits to rows of sum 1."""
    weights: Floats = np.exp(logits - logits.max(axis=1, keepdims=True))
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
