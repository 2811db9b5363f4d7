"""Who says what: the voices that are trained on, those that are kept for the test, and the text."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE
from greenroom.avatar.lipsync.ear import Ear, Heard
from greenroom.avatar.lipsync.network import AFTER, BEFORE
from greenroom.avatar.lipsync.spectrum import HOP, LEAD, Floats
from greenroom.avatar.visemes import at_rest
from lipsync import augment, flite, sentences
from lipsync.speak import Espeak, Utterance
from lipsync.targets import targets

# Names of espeak's `lang` folder and of its variants.
_ENGLISH = ("gmw/en-US", "gmw/en", "gmw/en-GB-x-rp", "gmw/en-029", "gmw/en-US-nyc")
_OTHERS = (
    "gmw/de", "gmw/nl", "gmq/sv", "roa/fr", "roa/es", "roa/pt-BR", "roa/ro", "zlw/pl", "urj/fi",
    "urj/hu", "trk/tr", "poz/id", "bnt/sw",
)  # fmt: skip
_VARIANTS = (
    "m1", "m2", "m3", "m5", "m7", "m8", "f1", "f2", "f4", "klatt", "klatt2", "klatt4", "whisper",
    "croak", "Annie", "Alex", "Andrea", "Diogo", "Gene", "Hugo", "Jacky", "Lee", "Mario", "Michael",
    "Nguyen", "Reed", "adam", "anika", "aunty", "belinda", "boris", "caleb", "david", "edward",
    "grandma", "ian", "john", "linda", "max", "miguel", "paul", "quincy", "rob", "sandro", "steph",
    "travis", "victor", "zac",
)  # fmt: skip

UNHEARD_VOICES = (
    "gmw/en-US+m4", "gmw/en-US+f3", "gmw/en-GB-scotland+f5", "gmw/en-GB-scotland+m6",
    "gmw/en-GB-x-gbclan+klatt3", "gmw/en-GB-x-gbclan+Alicia", "gmw/en-US+whisperf",
    "gmw/en-US+robert", "gmw/en-GB-x-gbcwmd+shelby", "gmw/en-GB-x-gbcwmd+benjamin",
)  # fmt: skip
"""Variants of which nothing is trained on, most in accents that are not trained on either."""
UNHEARD_LANGUAGES = ("roa/it+f5", "gmq/da+m4", "zlw/cs+Alicia", "grk/el+robert", "roa/ca+m6")
"""Languages of which nothing is trained on; they say made-up words."""


_FLITE_VOICES = ("slt", "rms", "kal16")
UNHEARD_FLITE_VOICE = "awb"
"""A recorded person of whom nothing is trained on."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A stretch of sound as the network sees it, and the mouth that belongs to each hop.

    `heard` begins BEFORE frames before the first hop and ends AFTER frames after the last.
    """

    heard: Heard
    mouths: Floats


def lessons(espeak: Espeak, count: int, seed: int) -> Iterator[Lesson]:
    """Voices, texts, rooms and noises by chance; one in ten is noise or music alone."""
    choose = random.Random(seed)
    rng = np.random.default_rng(seed)
    for _ in range(count):
        if choose.random() < 0.1:
            samples = 4 * LIP_SYNC_RATE
            pcm = augment.louder(augment.noise(samples, rng), rng)
            yield lesson(pcm, np.tile(at_rest(), (samples // HOP, 1)))
        else:
            said = _utterance(espeak, choose)
            yield lesson(augment.spoil(said.pcm, rng), targets(said))


def lesson(pcm: Pcm, mouths: Floats) -> Lesson:
    """Listen to a whole utterance that begins and ends in silence."""
    n = len(mouths)
    padded = np.concatenate(
        (np.zeros(LEAD, np.int16), pcm[: n * HOP], np.zeros(AFTER * HOP + LEAD, np.int16))
    )
    return Lesson(Heard.nothing(BEFORE) + Ear().listen(padded), mouths)


def _utterance(espeak: Espeak, choose: random.Random) -> Utterance:
    who = choose.random()
    # A bigger head speaks more slowly here; the pace makes up for it in part.
    size = choose.uniform(0.82, 1.2)
    if who < 0.35:
        text = sentences.babble(choose) if choose.random() < 0.15 else sentences.english(choose)
        voice = choose.choice(_FLITE_VOICES)
        return flite.say(text, voice, slowness=choose.uniform(0.8, 1.25) / size, size=size)
    voice = choose.choice(_ENGLISH if who < 0.7 else _OTHERS)
    made_up = who >= 0.7 or choose.random() < 0.25
    text = sentences.babble(choose) if made_up else sentences.english(choose)
    return espeak.say(
        text,
        f"{voice}+{choose.choice(_VARIANTS)}",
        words_per_minute=round(choose.uniform(115, 230) * size),
        pitch=choose.randint(15, 85),
        pitch_range=choose.randint(10, 90),
        size=size,
    )


def unheard(espeak: Espeak, *, sentences_each: int = 3) -> Iterator[tuple[str, Utterance]]:
    """Voice and utterance for the test: unheard voices with unheard sentences, as they are."""
    choose = random.Random(99)
    texts = list(sentences.UNHEARD)
    for i, voice in enumerate(UNHEARD_VOICES):
        for j in range(sentences_each):
            text = texts[(i * sentences_each + j) % len(texts)]
            yield voice, espeak.say(text, voice, words_per_minute=choose.randint(140, 190))
    for voice in UNHEARD_LANGUAGES:
        for _ in range(sentences_each):
            yield voice, espeak.say(sentences.babble(choose), voice)


def unheard_person() -> Iterator[Utterance]:
    """All unheard sentences by the recorded person that is kept for the test."""
    for text in sentences.UNHEARD:
        yield flite.say(text, UNHEARD_FLITE_VOICE)
