"""The terminal client of the examples, on a real server."""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import wave
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from greenroom.duplex.ogg_opus import OpusStreamReader
from greenroom.duplex.ports import Said
from greenroom.sessions.model import EndReason, Status
from support.duplex_api import RunningDuplex

EXAMPLE = Path(__file__).parents[3] / "examples" / "duplex" / "talk.py"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("duplex_example", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


async def test_it_speaks_hears_and_prints_what_was_said(
    duplex: RunningDuplex, example: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "said.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 48_000, 0, "NONE", ""))
        file.writeframes(np.full((9_600, 2), 1_000, "<i2").tobytes())
    options = argparse.Namespace(
        server=duplex.url, key="", voice="VARM1.pt", prompt="Be kind.", listen=0.16
    )
    running = asyncio.create_task(example.talk(options, example.read_wav(path)))
    async with asyncio.timeout(10):
        await duplex.sessions.entered.wait()
        (session_id,) = duplex.sessions.clients
        client = duplex.sessions.clients[session_id]
        client.on_words("Hello!")
        client.on_voice(np.full(4_800, 5_000, np.int16))
        duplex.sessions.say(session_id, Said("ai", "Hello!", 0.3))
        await duplex.sessions.talks[0].left.wait()
        duplex.sessions.end(session_id, EndReason.CLIENT_STOPPED, Status.COMPLETED)
        voice = await running
    assert duplex.sessions.orders[0].persona.text_prompt == "Be kind."
    # In messages of 80 ms: 200 of the file, 160 of silence; the encoder holds some back.
    assert len(duplex.sessions.talks[0].heard()) >= 0.3 * example.RATE
    assert len(OpusStreamReader().read(voice)) >= 4_800
    printed = capsys.readouterr().out
    assert printed.startswith("(connected)\nHello!")
    assert printed.endswith("completed after 340.0 s\n\n    0.3  AI: Hello!\n")
