"""What pocketsphinx needs beside its acoustic model: a language model and a dictionary.

Built once for a set of sentences, in a process of its own (`python -m
greenroom.speech.pocketsphinx_model`, spoken to by the frames of `wire`), and kept in a directory
that is named for what went into it.

Greeting: `{"hello": "pocketsphinx model"}`. Request: `{"id", "op": "build", "directory"}` with the
sentences as payload, one a line. Answer: `end`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Set
from pathlib import Path

import numpy as np
import pocketsphinx

from greenroom.helpers.child import Child, ServerGone
from greenroom.speech.language_model import BEGIN, END, Background, build
from greenroom.speech.phrases import GENERAL_PHRASES
from greenroom.speech.pocketsphinx_files import DICTIONARY, FILLERS, LANGUAGE_MODEL
from greenroom.speech.pronunciation import Pronunciations, words_of

_STOCK_MODEL, _STOCK_DICTIONARY = "en-us/en-us.lm.bin", "en-us/cmudict-en-us.dict"

_BACKGROUND_WORDS, _BACKGROUND_PAIRED, _BACKGROUND_BIGRAMS = 5_000, 1_000, 30_000
"""The pairs are asked for one by one: a million take a second or two."""

_GENERAL_WEIGHT = 5
"""How often each general phrase counts: they are said more often than any one shop sentence."""
_KEPT = 3
"""Models in one data folder: this one's and what other servers may use."""
_BINARY = 2  # pocketsphinx's ngram_file_type_t
_LOG_BASE = 1.0001

_FILLER_TEXT = """\
<s> SIL
</s> SIL
<sil> SIL
[NOISE] +NSN+
[SPEECH] +SPN+
[UH] AH
[UM] AH M
[HMM] HH M
"""
"""The acoustic model's own fillers, and the sounds of thinking: no words of a transcript."""


def build_model(directory: Path, sentences: Iterable[str]) -> None:
    """Write the model into `directory`, whole or not at all; another builder may win the race."""
    directory.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".building-", dir=directory.parent))
    try:
        _write(work, sentences)
        try:
            work.rename(directory)
        except OSError:
            if not directory.is_dir():
                raise
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _drop_old(directory)


def _write(work: Path, sentences: Iterable[str]) -> None:
    pocketsphinx.set_loglevel("FATAL")
    pronunciations = Pronunciations(_dictionary(pocketsphinx.get_model_path(_STOCK_DICTIONARY)))
    logs = pocketsphinx.LogMath(_LOG_BASE)
    stock = pocketsphinx.NGramModel(
        pocketsphinx.Config(), logs, pocketsphinx.get_model_path(_STOCK_MODEL)
    )
    model = build(
        (
            words_of(sentence, pronunciations)
            for sentence in (*GENERAL_PHRASES * _GENERAL_WEIGHT, *sentences)
        ),
        _background(stock.prob, pronunciations.words),
    )
    with (work / "language.arpa").open("w", encoding="utf-8") as out:
        model.write_arpa(out)
    pocketsphinx.NGramModel(pocketsphinx.Config(), logs, str(work / "language.arpa")).write(
        str(work / LANGUAGE_MODEL), _BINARY
    )
    (work / "language.arpa").unlink()
    with (work / DICTIONARY).open("w", encoding="utf-8") as out:
        for word in sorted(model.words):
            for number, phones in enumerate(pronunciations.of(word), start=1):
                out.write(f"{word}{f'({number})' if number > 1 else ''} {phones}\n")
    (work / FILLERS).write_text(_FILLER_TEXT, encoding="utf-8")


def _background(log_probability: Callable[[list[str]], int], known: Set[str]) -> Background:
    """The most telling part of the stock model: its likeliest words, and bigrams of the likeliest.

    `log_probability` takes a word and then the one before it, and answers to _LOG_BASE. Bigrams are
    ranked by how much worse the model would be without them: the bigram's probability times what it
    says beyond its back-off (A. Stolcke, "Entropy-based pruning of backoff language models", 1998,
    without the change of the back-off weight). Since most words were never seen after a given one,
    the median of P(word | before) / P(word) is that word's back-off weight.
    """
    of_word = {word: log_probability([word]) for word in known}
    words = sorted(of_word, key=lambda word: -of_word[word])[:_BACKGROUND_WORDS]
    after = [*words[:_BACKGROUND_PAIRED], END]
    before = [*words[:_BACKGROUND_PAIRED], BEGIN]
    unigrams = np.array([log_probability([word]) for word in after])
    bigrams = np.array([[log_probability([word, first]) for word in after] for first in before])
    ratio = bigrams - unigrams
    beyond = ratio - np.median(ratio, axis=1, keepdims=True)
    # A sentence begins as often as it ends.
    telling = _LOG_BASE ** (unigrams[:, None] + bigrams) * beyond
    best = np.argpartition(telling, -_BACKGROUND_BIGRAMS, axis=None)[-_BACKGROUND_BIGRAMS:]
    return Background(
        {word: _LOG_BASE ** of_word[word] for word in words},
        {
            (before[row], after[column]): float(_LOG_BASE ** float(bigrams[row, column]))
            for row, column in zip(*np.unravel_index(best, telling.shape), strict=True)
        },
    )


def _dictionary(path: str) -> dict[str, list[str]]:
    known: dict[str, list[str]] = {}
    with Path(path).open(encoding="utf-8") as lines:
        for line in lines:
            entry, _, phones = line.strip().partition(" ")
            known.setdefault(entry.partition("(")[0], []).append(phones)
    return known


def _drop_old(directory: Path) -> None:
    models = sorted(directory.parent.glob("pocketsphinx-*"), key=lambda path: path.stat().st_mtime)
    for path in models[:-_KEPT]:
        if path != directory:
            shutil.rmtree(path, ignore_errors=True)


def main() -> None:
    """Build what the server asks for, until it goes."""
    child = Child()
    os.nice(5)  # the server is starting, or serving
    child.send({"hello": "pocketsphinx model"})
    try:
        while True:
            for frame in child.poll(wait=True):
                if frame.header.get("op") == "build":
                    build_model(
                        Path(frame.header["directory"]), frame.payload.decode().splitlines()
                    )
                    child.send({"id": frame.header["id"], "end": True})
    except ServerGone:
        return


if __name__ == "__main__":
    main()
