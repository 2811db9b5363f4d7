"""How well the offline ears understand a shop: phrases, spoken by six voices, heard, understood.

    .venv/bin/python bench/ears.py --quick      two voices, both language models, some minutes
    .venv/bin/python bench/ears.py --full       six voices

Every phrase of data/phrases.json is spoken by espeak-ng (once; kept in a temporary folder), heard
by the transcriber `pocketsphinx:` and understood by `commerce.intents` in the situation in which it
is said. It is heard twice: leaning to the demo shop's likely sentences, as the server does, and
with the general model alone (the commonest 5,000 words of the one that comes with pocketsphinx; the
whole of it can't keep up with speech). A third of the phrases, chosen by a hash of their words, is
held out: nothing was tuned by looking at it, and it is left out here unless `--sets` asks for it.
Prints one JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from greenroom.audio.pcm import HEARING_RATE, Pcm, samples_of
from greenroom.audio.resample import resample
from greenroom.commerce.context import CartLine, LastSearch, ProductRef, ShopContext
from greenroom.commerce.demo import create as create_demo_shop
from greenroom.commerce.intents import Intent, recognise
from greenroom.commerce.phrases import likely_sentences
from greenroom.commerce.ports import CatalogueContext, Money
from greenroom.speech import espeak
from greenroom.speech.numbers import to_digits
from greenroom.speech.pocketsphinx import PocketsphinxTranscriber
from greenroom.speech.ports import VOICES, ProviderContext, Transcript

PHRASES = Path(__file__).resolve().parent / "data" / "phrases.json"
FOLDER = Path(tempfile.gettempdir()) / "greenroom-ears"
PROCESSES = 2
AT_ONCE = 4
QUIET_MS = 400
SETS = {"tuned": (False,), "held_out": (True,), "both": (False, True)}


@dataclass(frozen=True)
class Phrase:
    say: str
    context: str
    intent: str
    slots: dict[str, Any]
    held_out: bool


@dataclass(frozen=True)
class Heard:
    """One phrase by one voice, and what became of it."""

    phrase: Phrase
    voice: str
    transcript: Transcript
    seconds: float

    @property
    def intent(self) -> Intent:
        return recognise(self.transcript.text, situation(self.phrase.context))

    @property
    def right(self) -> bool:
        return self.intent.name == self.phrase.intent

    @property
    def exact(self) -> bool:
        """The intent is right, and so is every particular that the phrase file names."""
        slots = self.intent.slots
        return self.right and all(
            _plain(getattr(slots, name)) == value for name, value in self.phrase.slots.items()
        )

    @property
    def words(self) -> int:
        return len(to_digits(self.phrase.say).split())

    @property
    def wrong_words(self) -> int:
        return distance(to_digits(self.phrase.say).split(), self.transcript.text.split())


def _plain(value: Any) -> Any:
    return (
        str(value)
        if isinstance(value, Decimal)
        else list(value)
        if isinstance(value, tuple)
        else value
    )


def load(kinds: Iterable[bool]) -> list[Phrase]:
    phrases = [Phrase(**row) for row in json.loads(PHRASES.read_text())]
    for phrase in phrases:
        digest = int(hashlib.sha256(phrase.say.encode()).hexdigest(), 16)
        assert phrase.held_out == (digest % 3 == 0), f"not marked by its hash: {phrase.say}"
    return [phrase for phrase in phrases if phrase.held_out in kinds]


def situation(name: str) -> ShopContext:
    """The conversation in which a phrase is said."""
    context = ShopContext()
    if name == "fresh":
        return context
    comet, feather, cloud, storm = (
        ProductRef(title.split()[0].lower(), title, Money(Decimal(price)))
        for title, price in (
            ("Comet Running Shoe", 89),
            ("Feather Running Shoe", 79),
            ("Cloud Step Running Shoe", 120),
            ("Storm Rain Jacket", 110),
        )
    )
    context.results = (comet, feather, cloud)
    context.last_search = LastSearch("running shoes", shown=3, total=7)
    if name == "focused":
        context.focus = comet
    if name == "cart":
        context.focus = storm
        for ref in (comet, storm):
            context.cart.append(
                CartLine(ref.id, f"{ref.id}-1", ref.title, "10", "Black", 1, ref.price)
            )
    return context


def distance(said: Sequence[str], heard: Sequence[str]) -> int:
    """Words wrong, missing or too many (Levenshtein's distance)."""
    before = list(range(len(heard) + 1))
    for i, word in enumerate(said, 1):
        row = [i]
        for j, other in enumerate(heard, 1):
            row.append(min(row[-1] + 1, before[j] + 1, before[j - 1] + (word != other)))
        before = row
    return before[-1]


async def speak_all(phrases: Sequence[Phrase], voices: Sequence[str]) -> dict[tuple[str, str], Pcm]:
    """Every phrase by every voice at 16 kHz, with a microphone's quiet around it."""
    quiet = np.random.default_rng(0).normal(0, 4, samples_of(QUIET_MS)).astype(np.int16)
    synthesizer = espeak.EspeakSynthesizer("espeak:")
    await synthesizer.warm_up()
    spoken: dict[tuple[str, str], Pcm] = {}
    try:
        for voice in voices:
            how = f"{espeak._NAMED[voice]} {version('espeakng-loader')}"  # noqa: SLF001 - what makes the sound
            for phrase in phrases:
                name = hashlib.sha256(f"{how} {phrase.say}".encode()).hexdigest()[:24]
                path = FOLDER / "spoken" / f"{name}.npy"
                if not path.is_file():
                    parts = [chunk.pcm async for chunk in synthesizer.speak(phrase.say, voice)]
                    speech = resample(np.concatenate(parts), synthesizer.rate, HEARING_RATE)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    np.save(path, np.concatenate([quiet, speech, quiet]))
                spoken[phrase.say, voice] = np.load(path)
    finally:
        await synthesizer.close()
    return spoken


async def transcriber_for(model: str) -> tuple[PocketsphinxTranscriber, float]:
    """The server's transcriber, warm, and the seconds that took."""
    sentences: tuple[str, ...] = ()
    if model == "shop":
        shop = create_demo_shop("demo:", CatalogueContext(FOLDER))
        sentences = likely_sentences(await shop.vocabulary())
        await shop.close()
    folder = FOLDER / model
    began = time.monotonic()
    transcriber = PocketsphinxTranscriber(
        "pocketsphinx:", ProviderContext(folder, PROCESSES, sentences)
    )
    await transcriber.warm_up()
    return transcriber, time.monotonic() - began


async def hear_all(
    transcriber: PocketsphinxTranscriber,
    phrases: Sequence[Phrase],
    spoken: dict[tuple[str, str], Pcm],
    voices: Sequence[str],
) -> list[Heard]:
    places = asyncio.Semaphore(AT_ONCE)

    async def hear(phrase: Phrase, voice: str) -> Heard:
        pcm = spoken[phrase.say, voice]
        async with places:
            stream = transcriber.open(lambda _partial: None)
            for start in range(0, len(pcm), 320):
                stream.feed(pcm[start : start + 320])
            transcript = await stream.finish()
        return Heard(phrase, voice, transcript, len(pcm) / HEARING_RATE)

    return await asyncio.gather(*(hear(phrase, voice) for phrase in phrases for voice in voices))


def cpu_seconds(pids: Iterable[int]) -> float:
    """What the processes have used so far."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def tell(model: str, measure: str, results: Sequence[Heard], **more: Any) -> None:
    if not results:
        return
    wrong, words = sum(r.wrong_words for r in results), sum(r.words for r in results)
    line = {
        "bench": "ears", "model": model, "of": measure, **more,
        "utterances": len(results),
        "intent_accuracy": round(sum(r.right for r in results) / len(results), 4),
        "intent_and_slots": round(sum(r.exact for r in results) / len(results), 4),
        "word_error_rate": round(wrong / words, 4),
    }  # fmt: skip
    print(json.dumps(line), flush=True)


def report(model: str, results: Sequence[Heard]) -> None:
    for name in ("tuned", "held_out"):
        chosen = [r for r in results if r.phrase.held_out in SETS[name]]
        tell(model, "all", chosen, set=name)
        groups: dict[tuple[str, str], list[Heard]] = defaultdict(list)
        for each in chosen:
            groups["voice", each.voice].append(each)
            groups["intent", each.phrase.intent].append(each)
        for (kind, value), members in groups.items():
            tell(model, kind, members, set=name, **{kind: value})


def tell_ceiling(phrases: Sequence[Phrase]) -> None:
    """What the rules make of the written phrases: no ears can be better."""
    perfect = [Heard(p, "", Transcript(to_digits(p.say), 1.0, final=True), 0.0) for p in phrases]
    for name in ("tuned", "held_out"):
        tell("written", "all", [r for r in perfect if r.phrase.held_out in SETS[name]], set=name)


def tell_errors(results: Sequence[Heard]) -> None:
    """Each mistake, for tuning; never of a phrase that is held out."""
    for r in results:
        if not r.exact and not r.phrase.held_out:
            kind = "slots" if r.right else r.intent.name
            print(
                f"{r.voice:7} {r.phrase.intent:18} -> {kind:18} {r.transcript.confidence:.2f} "
                f"{r.phrase.say!r} -> {r.transcript.text!r}"
            )


async def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="two voices (default)")
    size.add_argument("--full", action="store_true", help="six voices")
    parser.add_argument("--voices", nargs="+", choices=VOICES)
    parser.add_argument("--sets", choices=tuple(SETS), default="tuned")
    parser.add_argument(
        "--models", nargs="+", choices=("shop", "general"), default=["shop", "general"]
    )
    parser.add_argument("--every", type=int, default=1, help="only every n-th phrase")
    parser.add_argument("--errors", action="store_true", help="print each mistake of the tuned set")
    options = parser.parse_args()
    voices = options.voices or (VOICES if options.full else ("Craig", "Olivia"))
    phrases = load(SETS[options.sets])[:: options.every]
    tell_ceiling(phrases)
    spoken = await speak_all(phrases, voices)
    for model in options.models:
        transcriber, warm_s = await transcriber_for(model)
        try:
            cpu, began = cpu_seconds(transcriber.pids), time.monotonic()
            results = await hear_all(transcriber, phrases, spoken, voices)
            cpu, elapsed = cpu_seconds(transcriber.pids) - cpu, time.monotonic() - began
        finally:
            await transcriber.close()
        report(model, results)
        audio = sum(r.seconds for r in results)
        print(json.dumps({
            "bench": "ears", "model": model, "of": "time", "audio_s": round(audio, 1),
            "cpu_per_audio_second": round(cpu / audio, 3), "elapsed_s": round(elapsed, 1),
            "warm_up_s": round(warm_s, 2),
        }), flush=True)  # fmt: skip
        if options.errors:
            tell_errors(results)


if __name__ == "__main__":
    asyncio.run(main())
