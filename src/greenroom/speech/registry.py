"""Finds providers of hearing and speaking by URI, and chooses one where the setting is `auto`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any

from greenroom.errors import ProviderUnavailable, UnknownProvider
from greenroom.speech.ports import ProviderContext, Synthesizer, Transcriber

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which provider is used and why; `alternatives` says how to get a better one."""

    uri: str
    why: str
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A provider that `auto` may take. `package` is what it must be able to import."""

    uri: str
    package: str
    extra: str


_TRANSCRIBERS = (_Candidate("pocketsphinx:", "pocketsphinx", ""),)
_SYNTHESIZERS = (_Candidate("espeak:", "espeakng_loader", "espeak"),)


def choose_transcriber(setting: str) -> Choice:
    """What `providers.transcriber` comes to. Raises ProviderUnavailable."""
    return _choose("providers.transcriber", setting, _TRANSCRIBERS)


def choose_synthesizer(setting: str) -> Choice:
    """What `providers.synthesizer` comes to. Raises ProviderUnavailable."""
    return _choose("providers.synthesizer", setting, _SYNTHESIZERS)


def create_transcriber(uri: str, context: ProviderContext) -> Transcriber:
    """The transcriber `uri`, not yet warm. Raises UnknownProvider, ProviderUnavailable."""
    transcriber: Transcriber = _create(
        "providers.transcriber", "greenroom.transcribers", uri, context, _TRANSCRIBERS
    )
    return transcriber


def create_synthesizer(uri: str, context: ProviderContext) -> Synthesizer:
    """The synthesizer `uri`, not yet warm. Raises UnknownProvider, ProviderUnavailable."""
    synthesizer: Synthesizer = _create(
        "providers.synthesizer", "greenroom.synthesizers", uri, context, _SYNTHESIZERS
    )
    return synthesizer


def _choose(setting: str, value: str, candidates: Sequence[_Candidate]) -> Choice:
    if value != AUTO:
        return Choice(value, "as set")
    for place, candidate in enumerate(candidates):
        if find_spec(candidate.package) is not None:
            better = tuple(_how_to_install(other) for other in candidates[:place])
            return Choice(candidate.uri, "the best that is installed", better)
    raise ProviderUnavailable(
        setting, "nothing is installed; " + " or ".join(map(_how_to_install, candidates))
    )


def _create(
    setting: str,
    group: str,
    uri: str,
    context: ProviderContext,
    candidates: Sequence[_Candidate],
) -> Any:
    found: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=group)}
    point = found.get(uri.partition(":")[0])
    if point is None:
        raise UnknownProvider(setting, uri, tuple(found))
    for candidate in candidates:
        if candidate.uri.startswith(f"{point.name}:") and find_spec(candidate.package) is None:
            raise ProviderUnavailable(setting, f"{uri}: {_how_to_install(candidate)}")
    return point.load()(uri, context)


def _how_to_install(candidate: _Candidate) -> str:
    extra = f"[{candidate.extra}]" if candidate.extra else ""
    return f"pip install 'greenroom{extra}' for {candidate.uri}"
