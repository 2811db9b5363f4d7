"""A server that can't start says which setting is wrong, in one line."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from support.server import SCRIPTED, spawn


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"GREENROOM_PROVIDERS__CATALOGUE": "shopify:test.myshopify.com"}, "SHOPIFY_ACCESS_TOKEN"),
        ({"GREENROOM_PROVIDERS__CATALOGUE": "shopify:"}, "providers.catalogue"),
        ({"GREENROOM_PROVIDERS__CATALOGUE": "magento:x"}, "providers.catalogue"),
        ({"GREENROOM_PROVIDERS__TRANSCRIBER": "wisper:"}, "providers.transcriber"),
        ({"GREENROOM_PROVIDERS__TRANSCRIBER": "openai:?key=MY_KEY"}, "MY_KEY"),
        ({"GREENROOM_PROVIDERS__SYNTHESIZER": "livekit:deepgram"}, "DEEPGRAM_API_KEY"),
        ({"GREENROOM_PROVIDERS__SYNTHESIZER": "scripted:,piper:xx"}, "providers.synthesizer"),
        ({"GREENROOM_PROVIDERS__MODEL": "offline,openai-chat:gpt?key=MY_KEY"}, "providers.model"),
    ],
)
async def test_a_setting_that_cannot_be_used_ends_the_start_with_its_name(
    data_dir: Path, given: dict[str, str], said: str
) -> None:
    process = await spawn(data_dir, "--port", "0", **{**SCRIPTED, **given})
    out, err = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 2, out
    (line,) = [line for line in err.decode().splitlines() if line.startswith("greenroom:")]
    assert said in line
    assert "Traceback" not in err.decode()
