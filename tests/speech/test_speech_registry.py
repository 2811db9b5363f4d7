from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import ProviderUnavailable, UnknownProvider
from greenroom.speech import faster_whisper, piper, registry
from greenroom.speech.ports import ProviderContext
from greenroom.testing.providers import ScriptedTranscriber


def without(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    def find(name: str) -> Any:
        return None if name in packages else find_spec(name)

    monkeypatch.setattr(registry, "find_spec", find)


def with_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_there(data_dir: Path, model: str) -> bool:
        return True

    monkeypatch.setattr(faster_whisper, "model_is_present", is_there)
    monkeypatch.setattr(piper, "model_is_present", is_there)


def test_auto_takes_what_needs_no_download_and_says_what_would_be_better(data_dir: Path) -> None:
    (hears,) = registry.choose_transcribers(["auto"], data_dir)
    (speaks,) = registry.choose_synthesizers(["auto"], data_dir)
    assert (hears.uri, speaks.uri) == ("pocketsphinx:", "espeak:")
    assert "greenroom models fetch faster-whisper:base.en" in hears.alternatives[0]
    assert "greenroom models fetch piper:" in speaks.alternatives[0]


def test_auto_takes_the_better_one_once_its_model_is_there(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_models(monkeypatch)
    (hears,) = registry.choose_transcribers(["auto"], data_dir)
    (speaks,) = registry.choose_synthesizers(["auto"], data_dir)
    assert (hears.uri, hears.alternatives) == ("faster-whisper:base.en", ())
    assert (speaks.uri, speaks.alternatives) == ("piper:", ())


def test_auto_says_how_to_install_what_would_be_better(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "faster_whisper")
    (hears,) = registry.choose_transcribers(["auto"], data_dir)
    assert hears.uri == "pocketsphinx:"
    assert "pip install 'greenroom[whisper]' and greenroom models fetch" in hears.alternatives[0]


def test_providers_that_are_named_are_taken_in_their_order(data_dir: Path) -> None:
    chosen = registry.choose_synthesizers(["openai:tts-1", "auto", "scripted:"], data_dir)
    assert [choice.uri for choice in chosen] == ["openai:tts-1", "espeak:", "scripted:"]


def test_a_chain_has_no_provider_twice(data_dir: Path) -> None:
    chosen = registry.choose_transcribers(["pocketsphinx:", "auto"], data_dir)
    assert [(choice.uri, choice.why) for choice in chosen] == [("pocketsphinx:", "as set")]


def test_another_packages_provider_is_found_by_its_scheme(data_dir: Path) -> None:
    made = registry.create_transcriber("scripted:?text=hi", ProviderContext(data_dir))
    assert isinstance(made, ScriptedTranscriber)
    assert made.texts == ["hi"]


def test_an_unknown_provider_names_the_setting_and_what_is_known(data_dir: Path) -> None:
    with pytest.raises(UnknownProvider, match=r"providers\.transcriber.*pocketsphinx") as caught:
        registry.create_transcriber("wisper:", ProviderContext(data_dir))
    assert caught.value.uri == "wisper:"


Attempt = Callable[[Path], object]


@pytest.mark.parametrize(
    ("package", "extra", "attempt"),
    [
        ("espeakng_loader", "espeak", lambda d: create_voice("espeak:", d)),
        ("piper", "piper", lambda d: create_voice("piper:", d)),
        ("livekit.agents", "livekit", lambda d: create_voice("livekit:cartesia", d)),
        ("espeakng_loader", "espeak", lambda d: registry.choose_synthesizers(["auto"], d)),
    ],
)
def test_a_missing_package_is_told_with_the_way_to_get_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str, attempt: Attempt
) -> None:
    without(monkeypatch, package)
    with pytest.raises(ProviderUnavailable, match=rf"greenroom\[{extra}\]") as caught:
        attempt(data_dir)
    assert caught.value.setting == "providers.synthesizer"


def create_voice(uri: str, data_dir: Path) -> object:
    return registry.create_synthesizer(uri, ProviderContext(data_dir))
