"""`greenroom models`, with a hub on a real socket."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from greenroom.cli import app
from greenroom.cli.progress import ProgressBars
from greenroom.errors import ConfigurationError, ProviderUnavailable, UnknownProvider
from support.hub import Hub, serving

FILES = {
    "model.bin": b"weights" * 400_000,
    "config.json": b"{}",
    "tokenizer.json": b"{}",
    "vocabulary.txt": b"words",
}


@contextmanager
def hub_in_a_thread(hub: Hub) -> Iterator[Hub]:
    """A command runs a loop of its own."""
    started, stopped = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def run() -> None:
        loops.append(asyncio.get_running_loop())
        async with serving(hub):
            started.set()
            await stopped.wait()

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        assert started.wait(10)
        yield hub
    finally:
        loops[0].call_soon_threadsafe(stopped.set)
        thread.join(10)


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(data_dir))
    monkeypatch.chdir(data_dir)

    def invoke(*arguments: str):
        return CliRunner().invoke(app, ("models", *arguments), catch_exceptions=True)

    return invoke


def test_a_model_is_fetched_and_then_listed_as_here(
    run, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = str(data_dir / "models/faster-whisper/base.en")
    with hub_in_a_thread(Hub("Systran/faster-whisper-base.en", FILES)) as hub:
        monkeypatch.setenv("GREENROOM_PROVIDERS__MODELS_URL", hub.url)
        fetched = run("fetch", "faster-whisper:")
        assert fetched.exit_code == 0, fetched.output
        assert fetched.stdout == f"faster-whisper:base.en is in {folder}\n"
        assert "base.en/model.bin: 2.8 of 2.8 MB" in fetched.stderr
        asked = len(hub.requests)
        again = run("fetch", "faster-whisper:base.en?beam_size=2", "--json")
        assert len(hub.requests) == asked
    row = {
        "model": "faster-whisper:base.en", "megabytes": 148, "present": True, "folder": folder
    }  # fmt: skip
    assert json.loads(again.stdout) == row
    assert json.loads(run("list", "--here", "--json").stdout) == [row]
    line = next(
        line for line in run("list").stdout.splitlines() if "faster-whisper:base.en" in line
    )
    assert "yes" in line
    assert folder in line


def test_the_list_names_the_models_of_both_providers_with_their_sizes(run) -> None:
    rows = json.loads(run("list", "--json").stdout)
    names = [row["model"] for row in rows]
    assert len(set(names)) == len(names)
    assert {"faster-whisper:base.en", "faster-whisper:turbo", "piper:en_GB-vctk-medium"} < set(
        names
    )
    assert all(20 < row["megabytes"] < 5_000 for row in rows)
    assert not any(row["present"] for row in rows)
    assert run("list", "--here").stdout.splitlines()[1:] == []


@pytest.mark.parametrize(
    ("uri", "error"),
    [
        ("espeak:", UnknownProvider),
        ("faster-whisper:huge", ConfigurationError),
        ("piper:nobody", ConfigurationError),
    ],
)
def test_a_model_that_is_unknown_is_an_error(run, uri: str, error: type[Exception]) -> None:
    assert isinstance(run("fetch", uri).exception, error)


def test_a_model_that_is_not_at_the_hub_is_an_error(run, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_in_a_thread(Hub("somebody/else", FILES)) as hub:
        monkeypatch.setenv("GREENROOM_PROVIDERS__MODELS_URL", hub.url)
        failed = run("fetch", "piper:")
    assert isinstance(failed.exception, ProviderUnavailable)
    assert "rhasspy/piper-voices" in str(failed.exception)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_there_are_bars_with_bytes_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    terminal = Terminal()
    with ProgressBars(terminal) as bars:
        assert not terminal.getvalue()
        for done in (0, 1_000_000, 3_000_000):
            bars("base.en/[model].bin", done, 3_000_000)
        bars("base.en/config.json", 10, None)
    drawn = terminal.getvalue()
    assert "base.en/[model].bin" in drawn
    assert "3.0/3.0 MB" in drawn
    assert "base.en/config.json" in drawn


def test_without_a_terminal_there_are_lines() -> None:
    told: list[tuple[str, int, int | None]] = []
    stream = io.StringIO()
    with ProgressBars(stream, lambda *line: told.append(line)) as bars:
        bars("a", 0, 5)
        bars("a", 5, 5)
    assert told == [("a", 0, 5), ("a", 5, 5)]
    assert not stream.getvalue()
