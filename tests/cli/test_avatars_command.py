"""`greenroom avatars`."""

from __future__ import annotations

import json
from pathlib import Path

import av
import pytest
from typer.testing import CliRunner

from greenroom.avatar.visemes import VISEMES
from greenroom.cli import app
from greenroom.errors import InvalidInput
from support.tiny_pack import write_pack


@pytest.fixture
def run(data_dir: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_DATA_DIR", str(data_dir))
    monkeypatch.chdir(data_dir)

    def invoke(*arguments: str):
        return CliRunner().invoke(app, ("avatars", *arguments), catch_exceptions=True)

    return invoke


def size_of(path: Path) -> tuple[int, int]:
    with av.open(path) as picture:
        stream = picture.streams.video[0]
        return stream.width, stream.height


def test_the_list_names_shipped_avatars_and_ones_own(run, data_dir: Path) -> None:
    folder = write_pack(data_dir / "avatars" / "mine")
    rows = {row["id"]: row for row in json.loads(run("list", "--json").stdout)}
    assert rows["tiny"]["folder"] == str(folder)
    assert rows["tiny"]["aliases"] == ["little"]
    assert rows["mira"]["name"] == "Mira"
    lines = run("list").stdout.splitlines()
    assert any("tiny" in line and "little" in line and str(folder) in line for line in lines)


def test_a_whole_pack_is_found_good(run, tmp_path: Path) -> None:
    checked = run("check", str(write_pack(tmp_path / "good")))
    assert checked.exit_code == 0
    assert "nothing is wrong" in checked.stdout


def test_everything_that_is_wrong_is_said_at_once(run, tmp_path: Path) -> None:
    checked = run("check", str(write_pack(tmp_path / "bad", head_svg="<", mouth_svg=None)))
    assert checked.exit_code == 1
    assert checked.stdout.splitlines()[0].startswith("head.svg: is not XML")
    assert checked.stdout.splitlines()[1].startswith("mouth.svg: can't be read")


@pytest.mark.parametrize("avatar", ["little", "avatars/mine"])
def test_a_preview_shows_every_state_and_viseme(run, data_dir: Path, avatar: str) -> None:
    write_pack(data_dir / "avatars" / "mine")
    drawn = run("preview", avatar, "--out", "look.png", "--size", "64")
    assert drawn.exit_code == 0, drawn.output
    rows = -(-(11 + len(VISEMES)) // 6)
    assert size_of(data_dir / "look.png") == (6 * 68, rows * 90)


def test_the_sheet_shows_all_avatars(run, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("greenroom.avatar.packs.library.SHIPPED", data_dir / "none")
    for name in ("one", "two"):
        text = (write_pack(data_dir / "avatars" / name) / "avatar.toml").read_text()
        (data_dir / "avatars" / name / "avatar.toml").write_text(text.replace("tiny", name))
    drawn = run("sheet", "--out", "all.png", "--size", "64")
    assert drawn.exit_code == 0, drawn.output
    assert size_of(data_dir / "all.png") == (13 * 68, 2 * 2 * 90)


def test_an_unknown_avatar_and_a_place_that_cannot_be_written_are_errors(
    run, tmp_path: Path
) -> None:
    assert isinstance(run("preview", "nobody", "--out", "x.png").exception, InvalidInput)
    folder = str(write_pack(tmp_path / "good"))
    failed = run("preview", folder, "--out", "no/such/x.png", "--size", "64")
    assert isinstance(failed.exception, InvalidInput)
    assert "can't write" in str(failed.exception)
