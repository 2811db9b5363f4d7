from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from greenroom.errors import ProviderUnavailable, UnknownProvider
from greenroom.speech import registry
from greenroom.speech.ports import ProviderContext
from greenroom.testing.providers import ScriptedTranscriber


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    def find(name: str) -> Any:
        return None if name == package else find_spec(name)

    monkeypatch.setattr(registry, "find_spec", find)


def test_auto_takes_what_is_installed_and_says_why() -> None:
    hears, speaks = registry.choose_transcriber("auto"), registry.choose_synthesizer("auto")
    assert (hears.uri, speaks.uri) == ("pocketsphinx:", "espeak:")
    assert "installed" in speaks.why


def test_a_provider_that_is_named_is_taken() -> None:
    assert registry.choose_synthesizer("scripted:").uri == "scripted:"


def test_another_packages_provider_is_found_by_its_scheme(data_dir: Path) -> None:
    made = registry.create_transcriber("scripted:?text=hi", ProviderContext(data_dir))
    assert isinstance(made, ScriptedTranscriber)
    assert made.texts == ["hi"]


def test_an_unknown_provider_names_the_setting_and_what_is_known(data_dir: Path) -> None:
    with pytest.raises(UnknownProvider, match=r"providers\.transcriber.*pocketsphinx") as caught:
        registry.create_transcriber("wisper:", ProviderContext(data_dir))
    assert caught.value.uri == "wisper:"


def test_a_missing_package_is_told_with_the_way_to_get_it(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without(monkeypatch, "espeakng_loader")
    for attempt in (
        lambda: registry.create_synthesizer("espeak:", ProviderContext(data_dir)),
        lambda: registry.choose_synthesizer("auto"),
    ):
        with pytest.raises(ProviderUnavailable, match=r"greenroom\[espeak\]"):
            attempt()
