"""A server that can't start says which setting is wrong, and what would be right."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from greenroom.app.compose import compose
from greenroom.cli.options import load_settings
from greenroom.errors import ConfigurationError
from support.server import SCRIPTED, spawn


@pytest.mark.parametrize(
    ("port", "value", "said"),
    [
        ("CATALOGUE", "shopify:test.myshopify.com", "SHOPIFY_ACCESS_TOKEN"),
        ("CATALOGUE", "shopify:", "providers.catalogue: .*<shop>.myshopify.com"),
        ("CATALOGUE", "magento:x", "providers.catalogue: .*known: demo, shopify"),
        ("TRANSCRIBER", "nosuch:", "providers.transcriber: no provider 'nosuch:'; known: "),
        ("TRANSCRIBER", "openai:?key=MY_KEY", "providers.transcriber: .*MY_KEY"),
        ("TRANSCRIBER", "openai:?colour=red", "providers.transcriber: .*colour"),
        ("SYNTHESIZER", "nosuch:", "providers.synthesizer: no provider 'nosuch:'; known: "),
        ("SYNTHESIZER", "scripted:,piper:xx", "providers.synthesizer: .*xx"),
        ("MODEL", "openai:gpt-5-mini", "providers.model: .*OPENAI_API_KEY"),
        ("MODEL", "offline,openai-chat:gpt?key=MY_KEY", "providers.model: .*`key` names"),
    ],
)
async def test_a_provider_that_cannot_be_used_is_named_with_its_setting(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, port: str, value: str, said: str
) -> None:
    monkeypatch.chdir(data_dir.parent)  # no greenroom.toml of a developer's counts
    for name, setting in {**SCRIPTED, f"GREENROOM_PROVIDERS__{port}": value}.items():
        monkeypatch.setenv(name, setting)
    for key in ("OPENAI_API_KEY", "SHOPIFY_ACCESS_TOKEN"):
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(ConfigurationError, match=said):
        async with asyncio.timeout(20), compose(load_settings(data_dir=data_dir)):
            pytest.fail("it started")


async def test_a_vendors_missing_key_ends_the_start_with_one_line(data_dir: Path) -> None:
    synthesizer = {"GREENROOM_PROVIDERS__SYNTHESIZER": "livekit:deepgram", "DEEPGRAM_API_KEY": ""}
    process = await spawn(data_dir, "--port", "0", **{**SCRIPTED, **synthesizer})
    out, err = await asyncio.wait_for(process.communicate(), 40)
    assert process.returncode == 2, out
    (line,) = [line for line in err.decode().splitlines() if line.startswith("greenroom:")]
    assert "providers.synthesizer" in line
    assert "DEEPGRAM_API_KEY" in line
    assert b"Traceback" not in err
