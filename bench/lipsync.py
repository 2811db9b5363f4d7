"""Lip sync: how well it fits what is said, beside a mouth that only follows loudness, and its CPU.

    python bench/lipsync.py

Prints one JSON line a result. All voices and sentences are ones that the network was not trained
on: espeak-ng's (the `espeak` extra) and, where flite is installed, a recorded person's.
"""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import sys
import time
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before numpy, as in a renderer process
sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

import numpy as np
from lipsync.judge import (
    OPENNESS,
    PICTURE,
    Utterances,
    energy_only,
    judge,
    read_lips,
)
from lipsync.speak import Espeak

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, LOOK_AHEAD
from greenroom.avatar.lipsync.reader import LipSync
from lipsync import augment, corpus


def main() -> None:
    said = [utterance for _, utterance in corpus.unheard(Espeak())]
    clean = [(utterance, utterance.pcm) for utterance in said]
    rng = np.random.default_rng(2)
    compare("espeak-ng, unheard voices and sentences", clean)
    if shutil.which("flite"):
        compare("a recorded person", [(each, each.pcm) for each in corpus.unheard_person()])
    compare("rooms, lines, noise, any gain", [(u, augment.spoil(u.pcm, rng)) for u in said])
    compare("telephone band", [(u, from_line(u.pcm)) for u in said])
    compare("40 dB softer", [(u, (u.pcm / 100).astype(np.int16)) for u in said])
    print_line("restlessness", restlessness([pcm for _, pcm in clean], rng))
    print_line("CPU of one picture of 40 ms", costs(np.concatenate([u.pcm for u in said])))


def compare(what: str, said: Utterances) -> None:
    """Both mouths by the same sound."""
    print_line(
        what,
        {
            "lip_sync": dataclasses.asdict(judge(read_lips, said)),
            "energy_only": dataclasses.asdict(judge(energy_only, said)),
        },
    )


def from_line(pcm: Pcm) -> Pcm:
    filtered = augment.telephone(pcm.astype(np.float32))
    return np.clip(filtered, -32768, 32767).astype(np.int16)


def restlessness(speech: list[Pcm], rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """How open the mouth is on average, and how much that changes from picture to picture."""
    samples = 4 * LIP_SYNC_RATE
    sounds = {
        "speech": speech,
        "noise": [augment.louder(augment.noise(samples, rng), rng) for _ in range(20)],
        "music": [augment.louder(augment.music(samples, rng) / 8, rng) for _ in range(20)],
    }
    found = {}
    for name, pieces in sounds.items():
        openness = [read_lips(pcm) @ OPENNESS for pcm in pieces]
        found[name] = {
            "openness": float(np.mean([o.mean() for o in openness])),
            "change": float(np.mean([np.abs(np.diff(o)).mean() for o in openness])),
        }
    return found


def costs(speech: Pcm) -> dict[str, float]:
    """Milliseconds of CPU, in speech and in silence."""
    return {"speech_ms": cost(speech), "silence_ms": cost(np.zeros_like(speech))}


def cost(pcm: Pcm) -> float:
    lips = LipSync()
    lips.push(pcm[:LOOK_AHEAD])
    pictures = (len(pcm) - LOOK_AHEAD) // PICTURE
    began = time.process_time()
    for k in range(pictures):
        lips.push(pcm[LOOK_AHEAD + k * PICTURE : LOOK_AHEAD + (k + 1) * PICTURE])
        lips.weights(k * PICTURE, (k + 1) * PICTURE)
    return 1000 * (time.process_time() - began) / pictures


def print_line(what: str, found: object) -> None:
    print(json.dumps({"bench": "lipsync", "what": what, "found": rounded(found)}), flush=True)


def rounded(found: object) -> object:
    if isinstance(found, dict):
        return {key: rounded(value) for key, value in found.items()}
    return round(found, 4) if isinstance(found, float) else found


if __name__ == "__main__":
    main()
