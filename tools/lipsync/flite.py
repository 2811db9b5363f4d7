"""Speech with known phone times in voices that were built from recordings of people, by flite.

`apt-get install flite`; its voices are under a licence like BSD's. They say English only, but sound
like somebody: what espeak's formants lack.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from greenroom.audio.pcm import samples_of
from greenroom.audio.wave_file import read_audio
from greenroom.avatar.formats import LIP_SYNC_RATE
from lipsync.phones import FLITE
from lipsync.speak import Utterance

VOICES = ("slt", "rms", "kal16", "awb")
"""Two recorded and modelled statistically, one pieced together of a recording, and a Scot."""

_SEGMENT = re.compile(r"([a-z]+):([0-9.]+)")


def say(text: str, voice: str, *, slowness: float = 1.0, size: float = 1.0) -> Utterance:
    """Say a text, with silence before and after it.

    `slowness` stretches every phone; `size` other than 1 plays all slower or faster, formants and
    all. Raises FileNotFoundError without flite, CalledProcessError for a voice that it lacks.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "said.wav"
        told = subprocess.run(
            ["flite", "-voice", voice, "--setf", f"duration_stretch={slowness}", "-psdur",
             "-t", text, "-o", str(path)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        sound = read_audio(path, round(LIP_SYNC_RATE * size))
    phones, start = [(0.0, "")], 0.1
    for name, end in _SEGMENT.findall(told.stdout):
        phones.append((start, FLITE.get(name, "")))
        start = 0.1 + float(end) * size
    return Utterance(
        pcm=np.pad(sound, (samples_of(100), samples_of(300))),
        phones=[*phones, (start, "")],
        stops_begin_closed=True,
    )
