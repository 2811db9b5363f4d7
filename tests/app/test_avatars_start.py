"""What a start does where avatars can't be had."""

from __future__ import annotations

import asyncio
import functools
import sys
from pathlib import Path
from typing import Any

import pytest

from greenroom.app import avatars
from greenroom.app.compose import compose
from greenroom.avatar.renderer import HelperRenderers
from greenroom.cli.options import load_settings
from greenroom.errors import ConfigurationError
from greenroom.settings import Settings
from support.server import FREE_PORTS, SCRIPTED

NO_LIBRARY = (sys.executable, "-c", "import sys; sys.exit('libGL is missing')")


@pytest.fixture
def nothing_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    renderers = functools.partial(HelperRenderers, command=NO_LIBRARY)
    monkeypatch.setattr(avatars, "HelperRenderers", renderers)


def settings(monkeypatch: pytest.MonkeyPatch, data_dir: Path, **more: Any) -> Settings:
    monkeypatch.chdir(data_dir.parent)  # no greenroom.toml of a developer's counts
    for name, value in {**FREE_PORTS, **SCRIPTED, **more}.items():
        monkeypatch.setenv(name, value)
    return load_settings(data_dir=data_dir)


async def start(wanted: Settings) -> None:
    async with asyncio.timeout(20), compose(wanted):
        pytest.fail("it started")


@pytest.mark.usefixtures("nothing_draws")
async def test_a_server_of_avatars_alone_says_what_is_missing(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(monkeypatch, data_dir, GREENROOM_SERVER__APIS="avatar")
    with pytest.raises(ConfigurationError, match=r"server\.apis: avatars .*libGL is missing"):
        await start(wanted)


@pytest.mark.usefixtures("nothing_draws")
async def test_other_apis_are_served_without_avatars(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = settings(monkeypatch, data_dir, GREENROOM_SERVER__APIS="commerce,avatar")
    async with asyncio.timeout(20), compose(wanted) as greenroom:
        assert greenroom.commerce is not None
        assert greenroom.avatars is None
    assert "libGL is missing" in caplog.text


async def test_agora_channels_without_agoras_sdk_end_the_start_with_what_to_install(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    agora = {"GREENROOM_AVATAR__VENUES": "room,agora", "GREENROOM_AVATAR__RENDERERS": "1"}
    wanted = settings(monkeypatch, data_dir, GREENROOM_SERVER__APIS="avatar", **agora)
    with pytest.raises(ConfigurationError, match=r"avatar\.venues: .*greenroom\[agora\]"):
        await start(wanted)


async def test_an_avatar_that_is_to_be_ready_must_be_there(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(
        monkeypatch,
        data_dir,
        GREENROOM_SERVER__APIS="avatar",
        GREENROOM_AVATAR__READY="mira,nobody",
    )
    with pytest.raises(ConfigurationError, match=r"avatar\.ready: .*known: amara, jonas"):
        await start(wanted)
