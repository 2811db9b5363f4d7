"""The synthesizer `piper:<voice>`: neural voices, by piper in helper processes.

`piper:` takes a voice with 109 speakers, which gives all of VOICES with one download. A voice is
named `en_US-amy-medium`; the path of an .onnx file with its .onnx.json beside it does as well.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from importlib.util import find_spec
from pathlib import Path

from greenroom.errors import ConfigurationError, InvalidInput, ProviderFailed, ProviderUnavailable
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.start import HelperStart
from greenroom.speech.helper_calls import SpokenAnswers
from greenroom.speech.model_catalogue import DEFAULT_PIPER, SYNTHESIZER, piper_model, piper_rate
from greenroom.speech.model_files import Model, fetch, is_present
from greenroom.speech.piper_voices import (
    Part,
    Voice,
    VoiceUnusable,
    cast_named,
    cast_speaker,
    read_voice,
)
from greenroom.speech.ports import VOICES, ProviderContext, SpeechChunk
from greenroom.speech.provider_uri import parse_provider_uri
from greenroom.speech.spoken_text import SpokenText, spoken, word_start

_MAX_HELPERS = 2
_MAX_THREADS = 8
_START_TIMEOUT = 90.0
_HEARTBEAT = 25.0
"""A helper doesn't look up within a sentence, which takes seconds on a slow machine."""
_MAX_PIECE_BYTES = 32 * 1024 * 1024


class PiperSynthesizer:
    """Speaks with piper. Voices: VOICES; a speaker of the voice; another voice that is here."""

    def __init__(self, uri: str, name: str, context: ProviderContext) -> None:
        self.uri = uri
        self._context = context
        self._name = name or DEFAULT_PIPER
        self._model = _model_of(self._name)
        here = self._model if isinstance(self._model, Path) else _file_of(self._model, context)
        # What is here tells its rate itself; of the others, the name does.
        self.rate = _usable(here).rate if here.is_file() else piper_rate(self._name)
        self._voice: Voice | None = None
        self._helpers = HelperStart(self._make_pool)

    async def warm_up(self) -> None:
        """Fetch the voice if it is not here, and load it.

        Raises ProviderUnavailable where it can't be had, ProviderFailed where it can't be loaded.
        """
        await self._helpers.warm_up()

    async def close(self) -> None:
        """End the helpers."""
        await self._helpers.close()

    @property
    def pids(self) -> list[int]:
        """The helper processes."""
        return self._helpers.pids

    def load(self) -> int:
        """Utterances that are being spoken or wait."""
        return self._helpers.pool.load() if self._helpers.pool is not None else 0

    async def speak(self, text: str, voice: str) -> AsyncIterator[SpeechChunk]:
        """See `Synthesizer.speak`. Text without a letter or digit gives no chunk."""
        await self.warm_up()
        part = await self._cast(voice)
        said = 0
        for piece in spoken(text).pieces():
            async with aclosing(self._speak_piece(piece, part, said)) as chunks:
                async for chunk in chunks:
                    said += len(chunk.pcm)
                    words = tuple((word_start(text, at), n) for at, n in chunk.words)
                    yield SpeechChunk(chunk.pcm, words)

    async def _speak_piece(
        self, piece: SpokenText, part: Part, said: int
    ) -> AsyncGenerator[SpeechChunk, None]:
        assert self._helpers.pool is not None  # noqa: S101 - `warm_up` has ended
        answers = SpokenAnswers(self.uri, _MAX_PIECE_BYTES)
        call = self._helpers.pool.call(answers)
        try:
            call.send(
                {
                    "op": "speak",
                    "text": piece.text,
                    "model": str(part.voice.path),
                    "speaker": part.speaker,
                    "shift": part.shift,
                    "rate": self.rate,
                }
            )
            while True:
                header, pcm = await answers.next()
                words = tuple((piece.written_at(at), said + n) for at, n in header["words"])
                if len(pcm):
                    yield SpeechChunk(pcm, words)
                if header.get("end"):
                    return
        finally:
            call.cancel()

    async def _cast(self, name: str) -> Part:
        """Who speaks as `name`. Raises InvalidInput."""
        assert self._voice is not None  # noqa: S101 - `warm_up` has ended
        if name in VOICES:
            return cast_named(self._voice, name)
        part = cast_speaker(self._voice, name) if name else None
        return part or await self._cast_elsewhere(name)

    async def _cast_elsewhere(self, name: str) -> Part:
        """Somebody of another voice, that is here already: nobody waits for a download."""
        voice, _, speaker = name.partition("/")
        try:
            model = piper_model(voice)
            path = await asyncio.to_thread(_file_of, model, self._context)
            if await asyncio.to_thread(is_present, path.parent, model):
                part = cast_speaker(await asyncio.to_thread(read_voice, path), speaker)
                if part is not None:
                    return part
            problem = f"no speaker of that name in {name!r}, or it is not here: greenroom models"
            problem += f" fetch {model.uri}"
        except ConfigurationError:
            problem = f"no voice {name!r}"
        except VoiceUnusable as error:
            raise ProviderFailed(self.uri, str(error)) from None
        raise InvalidInput(
            "voice",
            problem,
            f"{', '.join(VOICES)}; a speaker of {self._name}, such as p225 or 3; or a piper voice"
            " that is here, such as en_US-amy-medium or en_GB-vctk-medium/p225",
        )

    async def _make_pool(self) -> HelperPool:
        path = self._model
        if isinstance(path, Model):
            await fetch(path, self._context)
            path = _file_of(path, self._context)
        self._voice = await asyncio.to_thread(_usable, path)
        workers = max(1, self._context.workers)
        helpers = min(_MAX_HELPERS, max(1, workers // 2))
        options = json.dumps(
            {"model": str(path), "threads": min(_MAX_THREADS, max(1, workers // helpers))}
        )
        return HelperPool(
            self.uri,
            (sys.executable, "-m", "greenroom.speech.piper_helper", options),
            helpers,
            start_timeout=_START_TIMEOUT,
            heartbeat=_HEARTBEAT,
        )


def _model_of(name: str) -> Model | Path:
    """A known voice, or the file of one. Raises ConfigurationError."""
    return Path(name).expanduser() if "/" in name else piper_model(name)


def _file_of(model: Model, context: ProviderContext) -> Path:
    return model.folder(context.data_dir) / f"{model.name}.onnx"


def _usable(path: Path) -> Voice:
    """Raises ProviderUnavailable."""
    try:
        return read_voice(path)
    except VoiceUnusable as error:
        raise ProviderUnavailable(SYNTHESIZER, f"piper: {error}") from None


def model_is_present(data_dir: Path, model: str) -> bool:
    """Whether the voice `model`, a name or a path, is here and needs no download. Quick."""
    found = _model_of(model or DEFAULT_PIPER)
    if isinstance(found, Path):
        return found.is_file() and found.with_name(f"{found.name}.json").is_file()
    return is_present(found.folder(data_dir), found)


def create(uri: str, context: ProviderContext) -> PiperSynthesizer:
    """The entry point `piper`. Raises ConfigurationError, ProviderUnavailable."""
    if find_spec("piper") is None:
        raise ProviderUnavailable(SYNTHESIZER, f"{uri}: pip install 'greenroom[piper]'")
    name = parse_provider_uri(SYNTHESIZER, uri, ()).name
    if "/" in name and not (path := Path(name).expanduser()).is_file():
        raise ProviderUnavailable(
            SYNTHESIZER,
            f"piper: {path} is not there; it must be the .onnx"
            " file of a voice, with its .onnx.json beside it",
        )
    return PiperSynthesizer(uri, name, context)
