"""Train the lip-sync network: `python tools/lipsync/train.py`.

Needs Greenroom, its `espeak` extra and flite (`apt-get install flite`); numpy does the work, on one
core, in some minutes. All speech is made here, from text of our own (see docs/lip-sync.md). The
same seed on the same machine gives the same model; bench/lipsync.py judges it.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy: one core is asked for
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from greenroom.avatar.lipsync import network
from greenroom.avatar.lipsync.network import CONTEXT, PATCH, PATCHES, Network, softmax
from greenroom.avatar.lipsync.spectrum import BANDS, Floats
from greenroom.avatar.visemes import VISEMES
from lipsync.corpus import lessons
from lipsync.speak import Espeak

MODEL = Path(network.__file__).parent / network.MODEL
FRONT = 32
HIDDEN = (128, 64)
"""Units of the layers: of the first for each patch of frames, and of the others."""
BATCH = 512
CLOSED_LIPS = 2.0
"""How much more a hop with closed lips or lips at the teeth counts: it is seen when they fail."""
SHARPNESS = 1.4
"""What the logits are multiplied by in the end: a mouth between two shapes makes up its mind."""
_PP, _FF = VISEMES.index("PP"), VISEMES.index("FF")

Layers = list[tuple[Floats, Floats]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", type=int, default=3500, help="utterances of about 3.5 s")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=MODEL)
    options = parser.parse_args()

    began = time.process_time()
    levels, voice, mouths, hops = gather(options.lessons, options.seed)
    print(f"{len(hops)} hops, {time.process_time() - began:.0f} s", flush=True)
    layers = new_layers(np.random.default_rng(options.seed))
    for epoch, loss in enumerate(
        learn(layers, levels, voice, mouths, hops, epochs=options.epochs, seed=options.seed)
    ):
        print(f"epoch {epoch + 1}: {loss:.4f}, {time.process_time() - began:.0f} s", flush=True)
        save(layers, options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")


def gather(count: int, seed: int) -> tuple[Floats, Floats, Floats, np.ndarray]:
    """All frames' levels (frames, BANDS) and, by hop: the voice's level, the mouth, and the number
    of the first frame that it sees. Hops that see only silence are left out, as in `LipSync`.
    """
    levels, voice, mouths, hops = [], [], [], []
    frames = 0
    for each in lessons(Espeak(), count, seed):
        heard, n = each.heard, len(each.mouths)
        speaks = np.array([any(heard.sounds[i : i + CONTEXT]) for i in range(n)])
        levels.append(heard.levels)
        voice.append(np.array(heard.voice[CONTEXT - 1 :], np.float32)[speaks])
        mouths.append(each.mouths[speaks])
        hops.append(frames + np.flatnonzero(speaks))
        frames += len(heard.levels)
    return (
        np.concatenate(levels), np.concatenate(voice), np.concatenate(mouths), np.concatenate(hops),
    )  # fmt: skip


def new_layers(rng: np.random.Generator) -> Layers:
    """He et al., "Delving deep into rectifiers" (2015)."""
    shapes = [
        (PATCH * BANDS, FRONT),
        *pairwise((PATCHES * FRONT, *HIDDEN, len(VISEMES))),
    ]
    return [
        (
            (rng.standard_normal(shape) * np.sqrt(2 / shape[0])).astype(np.float32),
            np.zeros(shape[1], np.float32),
        )
        for shape in shapes
    ]


def learn(
    layers: Layers,
    levels: Floats,
    voice: Floats,
    mouths: Floats,
    hops: np.ndarray,
    *,
    epochs: int,
    seed: int,
):
    """Adam (Kingma and Ba, 2015) with a step that falls like a cosine; yields each epoch's loss."""
    rng = np.random.default_rng(seed)
    judge = Network(layers)  # its arrays are the ones that are changed in place
    slopes = [[np.zeros_like(a) for a in layer] for layer in layers]
    squares = [[np.zeros_like(a) for a in layer] for layer in layers]
    batches = len(hops) // BATCH
    step = 0
    for _ in range(epochs):
        order = rng.permutation(len(hops))
        total = 0.0
        for b in range(batches):
            chosen = order[b * BATCH : (b + 1) * BATCH]
            seen = moments(levels, hops[chosen], voice[chosen], rng)
            wanted = mouths[chosen]
            weight = 1 + (CLOSED_LIPS - 1) * np.maximum(wanted[:, _PP], wanted[:, _FF])
            loss, gradients = backward(judge, layers, seen, wanted, weight)
            total += loss
            step += 1
            rate = 1e-6 + 2e-3 * 0.5 * (1 + np.cos(np.pi * step / (epochs * batches)))
            for layer, gradient, slope, square in zip(
                layers, gradients, slopes, squares, strict=True
            ):
                for arrays in zip(layer, gradient, slope, square, strict=True):
                    adapt(*arrays, rate=rate, step=step)
        yield total / batches


def adapt(
    array: Floats, gradient: Floats, slope: Floats, square: Floats, *, rate: float, step: int
) -> None:
    """One step of Adam, with weights that decay, in place."""
    slope += 0.1 * (gradient - slope)
    square += 0.001 * (gradient * gradient - square)
    decay = 1e-3 * array if array.ndim == 2 else 0.0
    straight = slope / (1 - 0.9**step) / (np.sqrt(square / (1 - 0.999**step)) + 1e-8)
    array -= np.float32(rate) * (straight + decay).astype(np.float32)


def moments(levels: Floats, first: np.ndarray, voice: Floats, rng: np.random.Generator) -> Floats:
    """The network's inputs; in half of them some neighbouring bands are masked, so that no band
    is relied on (Park et al., "SpecAugment", 2019).
    """
    seen = np.clip((levels[first[:, None] + np.arange(CONTEXT)] - voice[:, None, None]) / 20, -3, 1)
    for row in np.flatnonzero(rng.random(len(first)) < 0.5):
        width = rng.integers(1, 7)
        band = rng.integers(0, BANDS - width)
        seen[row, :, band : band + width] = seen[row, :, max(band - 1, 0), None]
    return seen.reshape(len(first), -1)


def backward(
    judge: Network, layers: Layers, seen: Floats, wanted: Floats, weight: Floats
) -> tuple[float, Layers]:
    """The weighted cross entropy of a batch, and its slope by each array."""
    *values, logits = judge.passes(seen)
    said = softmax(logits)
    loss = -float(np.mean(weight * np.sum(wanted * np.log(said + 1e-9), axis=1)))
    error = (said - wanted) * (weight / len(seen))[:, None]
    gradients: Layers = []
    for (matrix, _), value in zip(reversed(layers), reversed(values), strict=True):
        error = error.reshape(len(value), -1)  # of the first layer: by patches
        gradients.append((value.T @ error, error.sum(axis=0)))
        error = (error @ matrix.T) * (value > 0)
    return loss, gradients[::-1]


def save(layers: Layers, path: Path) -> None:
    """Sharpened, and at sixteen bits a weight."""
    arrays = {}
    last, end = layers[-1]
    for i, (matrix, bias) in enumerate([*layers[:-1], (SHARPNESS * last, SHARPNESS * end)]):
        arrays[f"matrix{i}"] = matrix.astype(np.float16)
        arrays[f"bias{i}"] = bias.astype(np.float16)
    np.savez_compressed(path, **arrays)


if __name__ == "__main__":
    main()
