"""The models that Greenroom knows how to fetch, by the URI of the provider that uses them."""

from __future__ import annotations

import re
from collections.abc import Callable

from greenroom.errors import ConfigurationError, UnknownProvider
from greenroom.speech.model_files import Model

TRANSCRIBER, SYNTHESIZER = "providers.transcriber", "providers.synthesizer"
WHISPER, PIPER = "faster-whisper", "piper"
DEFAULT_WHISPER = "base.en"
DEFAULT_PIPER = "en_GB-vctk-medium"

_SYSTRAN = "Systran/faster-{}"
_WHISPER = {
    "tiny.en": (_SYSTRAN.format("whisper-tiny.en"), 78),
    "tiny": (_SYSTRAN.format("whisper-tiny"), 78),
    "base.en": (_SYSTRAN.format("whisper-base.en"), 148),
    "base": (_SYSTRAN.format("whisper-base"), 148),
    "small.en": (_SYSTRAN.format("whisper-small.en"), 486),
    "small": (_SYSTRAN.format("whisper-small"), 486),
    "distil-small.en": (_SYSTRAN.format("distil-whisper-small.en"), 336),
    "medium.en": (_SYSTRAN.format("whisper-medium.en"), 1_530),
    "medium": (_SYSTRAN.format("whisper-medium"), 1_530),
    "distil-medium.en": (_SYSTRAN.format("distil-whisper-medium.en"), 792),
    "large-v2": (_SYSTRAN.format("whisper-large-v2"), 3_090),
    "large-v3": (_SYSTRAN.format("whisper-large-v3"), 3_090),
    "distil-large-v3": (_SYSTRAN.format("distil-whisper-large-v3"), 1_515),
    "turbo": ("mobiuslabsgmbh/faster-whisper-large-v3-turbo", 1_620),
}
"""Repository and megabytes, as published for CTranslate2."""

_LOW, _MEDIUM, _MULTI, _HIGH = 63, 63, 77, 114
_ENGLISH_VOICES = {
    "en_GB-alan-low": _LOW, "en_GB-alan-medium": _MEDIUM, "en_GB-alba-medium": _MEDIUM,
    "en_GB-aru-medium": _MULTI, "en_GB-cori-high": _HIGH, "en_GB-cori-medium": _MEDIUM,
    "en_GB-jenny_dioco-medium": _MEDIUM, "en_GB-northern_english_male-medium": _MEDIUM,
    "en_GB-semaine-medium": _MULTI, "en_GB-southern_english_female-low": _LOW,
    "en_GB-vctk-medium": _MULTI, "en_US-amy-low": _LOW, "en_US-amy-medium": _MEDIUM,
    "en_US-arctic-medium": _MULTI, "en_US-bryce-medium": _MEDIUM, "en_US-danny-low": _LOW,
    "en_US-hfc_female-medium": _MEDIUM, "en_US-hfc_male-medium": _MEDIUM,
    "en_US-joe-medium": _MEDIUM, "en_US-john-medium": _MEDIUM, "en_US-kathleen-low": _LOW,
    "en_US-kristin-medium": _MEDIUM, "en_US-kusal-medium": _MEDIUM,
    "en_US-l2arctic-medium": _MULTI, "en_US-lessac-high": _HIGH, "en_US-lessac-low": _LOW,
    "en_US-lessac-medium": _MEDIUM, "en_US-libritts-high": 137, "en_US-libritts_r-medium": 79,
    "en_US-ljspeech-high": _HIGH, "en_US-ljspeech-medium": _MEDIUM, "en_US-norman-medium": _MEDIUM,
    "en_US-ryan-high": _HIGH, "en_US-ryan-low": _LOW, "en_US-ryan-medium": _MEDIUM,
}  # fmt: skip
"""Megabytes of the voices that speak English."""

_VOICE = re.compile(
    r"(?P<language>[a-z]{2,3})_(?P<region>[A-Z]{2})-(?P<voice>\w+)-(?P<quality>x_low|low|medium|high)"
)
_RATES = {"x_low": 16_000, "low": 16_000, "medium": 22_050, "high": 22_050}


def whisper_model(name: str) -> Model:
    """The Whisper model of this name. Raises ConfigurationError, which lists the known ones."""
    if name not in _WHISPER:
        raise ConfigurationError(
            TRANSCRIBER,
            f"{WHISPER}: no model {name!r}; known: {', '.join(_WHISPER)}; or the path of a folder"
            " with a model in CTranslate2's format",
        )
    repo, megabytes = _WHISPER[name]
    return Model(
        WHISPER,
        name,
        TRANSCRIBER,
        repo,
        ("config.json", "model.bin", "tokenizer.json", "vocabulary.*"),
        megabytes,
        "pocketsphinx:",
        optional=("preprocessor_config.json",),
    )


def piper_model(name: str) -> Model:
    """The piper voice of this name. Raises ConfigurationError, which lists the English ones."""
    match = _VOICE.fullmatch(name)
    english = match is not None and match["language"] == "en"
    if match is None or (english and name not in _ENGLISH_VOICES):
        raise ConfigurationError(
            SYNTHESIZER,
            f"{PIPER}: no voice {name!r}; known: {', '.join(_ENGLISH_VOICES)}; other languages are"
            " named alike, such as de_DE-thorsten-medium; or the path of an .onnx file",
        )
    language, region, voice, quality = match.groups()
    return Model(
        PIPER,
        name,
        SYNTHESIZER,
        "rhasspy/piper-voices",
        (f"{name}.onnx", f"{name}.onnx.json"),
        _ENGLISH_VOICES.get(name, _MEDIUM),
        "espeak:",
        remote_folder=f"{language}/{language}_{region}/{voice}/{quality}",
    )


def piper_rate(name: str) -> int:
    """Hz of a voice, by the quality that its name tells."""
    match = _VOICE.fullmatch(name)
    return _RATES[match["quality"] if match else "medium"]


_MODELS: dict[str, tuple[Callable[[str], Model], str]] = {
    WHISPER: (whisper_model, DEFAULT_WHISPER),
    PIPER: (piper_model, DEFAULT_PIPER),
}


def known_models() -> list[Model]:
    """All that are known by name, Whisper's first."""
    return [whisper_model(name) for name in _WHISPER] + [piper_model(v) for v in _ENGLISH_VOICES]


def model_of(uri: str) -> Model:
    """The model that a provider's URI names, or its default. Options are left aside.

    Raises ConfigurationError for a provider that fetches nothing, and for an unknown model.
    """
    scheme, _, rest = uri.partition(":")
    if scheme not in _MODELS:
        raise UnknownProvider("model", uri, tuple(f"{known}:" for known in _MODELS))
    find, default = _MODELS[scheme]
    return find(rest.partition("?")[0] or default)
