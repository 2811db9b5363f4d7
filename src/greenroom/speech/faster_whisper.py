"""The transcriber `faster-whisper:<model>`: OpenAI's Whisper, by CTranslate2, in a helper process.

`faster-whisper:` takes `base.en`; models are fetched once (`greenroom models list`), and the path
of a folder with a model in CTranslate2's format does as well. Options: `device` (`cpu`),
`compute_type` (`int8`), `language` (`en`; `auto` has it recognised), `beam_size` (1).
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

from greenroom.errors import ProviderFailed, ProviderUnavailable
from greenroom.helpers.pool import HelperPool
from greenroom.helpers.start import HelperStart
from greenroom.speech.helper_calls import HeardTurn
from greenroom.speech.model_catalogue import DEFAULT_WHISPER, TRANSCRIBER, whisper_model
from greenroom.speech.model_files import Model, fetch, is_present
from greenroom.speech.ports import PartialListener, ProviderContext
from greenroom.speech.provider_uri import ProviderUri, parse_provider_uri
from greenroom.speech.whisper_hints import names_of

_OPTIONS = ("device", "compute_type", "language", "beam_size")
_DEVICES = {"cpu": "int8", "cuda": "float16", "auto": "default"}
"""And the type of number that each computes with by default."""
_COMPUTE_TYPES = (
    "default", "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16",
    "float16", "bfloat16", "float32",
)  # fmt: skip
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_MAX_BEAM = 10
_MAX_THREADS = 16
_START_TIMEOUT = 180.0
"""For gigabytes from a slow disk."""
_HEARTBEAT = 30.0
"""A helper doesn't look up while it decodes, which takes seconds with a large model on a CPU."""
_FINAL_TIMEOUT = 30.0


class FasterWhisperTranscriber:
    """Recognises speech with Whisper. `context.vocabulary` tells which names to expect."""

    def __init__(self, uri: ProviderUri, text: str, context: ProviderContext) -> None:
        self.uri = text
        self._context = context
        self._name = uri.name or DEFAULT_WHISPER
        self._model = _model_of(self._name)
        device = uri.choice("device", "cpu", _DEVICES)
        english = self._name.endswith(".en")
        language = uri.text("language", "en")
        if language != "auto" and not _LANGUAGE.fullmatch(language):
            raise uri.wrong("language", "a code such as en or de, or auto")
        if english and language != "en":
            raise uri.wrong("language", f"en; {self._name} knows no other")
        self._options: dict[str, object] = {
            "device": device,
            "compute_type": uri.choice("compute_type", _DEVICES[device], _COMPUTE_TYPES),
            "threads": min(_MAX_THREADS, max(1, context.workers)),
            "language": "" if language == "auto" else language,
            "beam_size": uri.whole("beam_size", 1, 1, _MAX_BEAM),
        }
        self._helpers = HelperStart(self._make_pool)

    async def warm_up(self) -> None:
        """Fetch the model if it is not here, and load it.

        Raises ProviderUnavailable where it can't be had, ProviderFailed where it can't be loaded.
        """
        await self._helpers.warm_up()

    def open(self, on_partial: PartialListener | None = None) -> HeardTurn:
        """See `Transcriber.open`. Raises ProviderFailed before `warm_up` has ended."""
        if self._helpers.pool is None:
            raise ProviderFailed(self.uri, "is not warm yet")
        return HeardTurn(self._helpers.pool, on_partial, final_timeout=_FINAL_TIMEOUT)

    async def close(self) -> None:
        """End the helper."""
        await self._helpers.close()

    @property
    def pids(self) -> list[int]:
        """The helper process."""
        return self._helpers.pids

    async def _make_pool(self) -> HelperPool:
        folder = await self._folder()
        names = await asyncio.to_thread(names_of, self._context.vocabulary)
        options = json.dumps({"model": str(folder), "names": names, **self._options})
        return HelperPool(
            self.uri,
            (sys.executable, "-m", "greenroom.speech.faster_whisper_helper", options),
            start_timeout=_START_TIMEOUT,
            heartbeat=_HEARTBEAT,
        )

    async def _folder(self) -> Path:
        if isinstance(self._model, Path):
            return self._model
        return await fetch(self._model, self._context)


def _model_of(name: str) -> Model | Path:
    """A known model, or a folder that holds one. Raises ConfigurationError, ProviderUnavailable."""
    if "/" not in name:
        return whisper_model(name)
    folder = Path(name).expanduser()
    for needed in ("model.bin", "config.json", "tokenizer.json"):
        if not (folder / needed).is_file():
            raise ProviderUnavailable(
                TRANSCRIBER,
                f"faster-whisper: {folder} has no {needed}; it must be the folder of a Whisper"
                " model in CTranslate2's format",
            )
    return folder


def model_is_present(data_dir: Path, model: str) -> bool:
    """Whether `model`, a name or a path, is here and needs no download. Quick."""
    try:
        found = _model_of(model or DEFAULT_WHISPER)
    except ProviderUnavailable:
        return False
    return isinstance(found, Path) or is_present(found.folder(data_dir), found)


def create(uri: str, context: ProviderContext) -> FasterWhisperTranscriber:
    """The entry point `faster-whisper`. Raises ConfigurationError, ProviderUnavailable."""
    if find_spec("faster_whisper") is None:
        raise ProviderUnavailable(TRANSCRIBER, f"{uri}: pip install 'greenroom[whisper]'")
    return FasterWhisperTranscriber(parse_provider_uri(TRANSCRIBER, uri, _OPTIONS), uri, context)
