"""Finds providers of hearing and speaking by URI, and chooses one where the setting is `auto`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from greenroom.errors import ProviderUnavailable, UnknownProvider
from greenroom.speech import faster_whisper, piper
from greenroom.speech.ports import ProviderContext, Synthesizer, Transcriber

AUTO = "auto"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which provider is used and why; `alternatives` says how to get a better one."""

    uri: str
    why: str
    alternatives: tuple[str, ...] = ()


def _always(_data_dir: Path) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A provider that needs a package. `auto` takes it if `has_model` finds its model there."""

    uri: str
    package: str
    extra: str
    has_model: Callable[[Path], bool] = _always

    @property
    def scheme(self) -> str:
        return self.uri.partition(":")[0]

    @property
    def installed(self) -> bool:
        return find_spec(self.package) is not None

    @property
    def how_to_install(self) -> str:
        extra = f"[{self.extra}]" if self.extra else ""
        return f"pip install 'greenroom{extra}'"

    def how_to_get(self, data_dir: Path) -> str:
        """What is missing, as commands."""
        steps = [] if self.installed else [self.how_to_install]
        if not self.has_model(data_dir):
            steps.append(f"greenroom models fetch {self.uri}")
        return f"{' and '.join(steps)} for {self.uri}"


# The best first; those after a URI without a model of its own are never taken by `auto`.
_TRANSCRIBERS = (
    _Candidate(
        "faster-whisper:base.en",
        "faster_whisper",
        "whisper",
        lambda data_dir: faster_whisper.model_is_present(data_dir, "base.en"),
    ),
    _Candidate("pocketsphinx:", "pocketsphinx", ""),
)
_SYNTHESIZERS = (
    _Candidate("piper:", "piper", "piper", lambda data_dir: piper.model_is_present(data_dir, "")),
    _Candidate("espeak:", "espeakng_loader", "espeak"),
)
_SERVICES = (_Candidate("livekit:", "livekit.agents", "livekit"),)


def choose_transcribers(chain: Sequence[str], data_dir: Path) -> tuple[Choice, ...]:
    """What `providers.transcriber` comes to, in order. Raises ProviderUnavailable."""
    return _choose("providers.transcriber", chain, _TRANSCRIBERS, data_dir)


def choose_synthesizers(chain: Sequence[str], data_dir: Path) -> tuple[Choice, ...]:
    """What `providers.synthesizer` comes to, in order. Raises ProviderUnavailable."""
    return _choose("providers.synthesizer", chain, _SYNTHESIZERS, data_dir)


def create_transcriber(uri: str, context: ProviderContext) -> Transcriber:
    """The transcriber `uri`, not yet warm. Raises UnknownProvider, ProviderUnavailable."""
    transcriber: Transcriber = _create(
        "providers.transcriber", "greenroom.transcribers", uri, context
    )
    return transcriber


def create_synthesizer(uri: str, context: ProviderContext) -> Synthesizer:
    """The synthesizer `uri`, not yet warm. Raises UnknownProvider, ProviderUnavailable."""
    synthesizer: Synthesizer = _create(
        "providers.synthesizer", "greenroom.synthesizers", uri, context
    )
    return synthesizer


def _choose(
    setting: str, chain: Sequence[str], candidates: Sequence[_Candidate], data_dir: Path
) -> tuple[Choice, ...]:
    choices = [
        _best(setting, candidates, data_dir) if uri == AUTO else Choice(uri, "as set")
        for uri in chain
    ]
    # `auto` may come to what is named beside it.
    return tuple({choice.uri: choice for choice in reversed(choices)}.values())[::-1]


def _best(setting: str, candidates: Sequence[_Candidate], data_dir: Path) -> Choice:
    better: list[str] = []
    for candidate in candidates:
        if candidate.installed and candidate.has_model(data_dir):
            return Choice(candidate.uri, "the best that is here", tuple(better))
        better.append(candidate.how_to_get(data_dir))
    raise ProviderUnavailable(setting, "nothing is installed; " + ", or ".join(better))


def _create(setting: str, group: str, uri: str, context: ProviderContext) -> Any:
    found: dict[str, EntryPoint] = {point.name: point for point in entry_points(group=group)}
    point = found.get(uri.partition(":")[0])
    if point is None:
        raise UnknownProvider(setting, uri, tuple(found))
    for candidate in (*_TRANSCRIBERS, *_SYNTHESIZERS, *_SERVICES):
        if candidate.scheme == point.name and not candidate.installed:
            raise ProviderUnavailable(setting, f"{uri}: {candidate.how_to_install}")
    return point.load()(uri, context)
