from __future__ import annotations

import sys
from pathlib import Path

import pytest

from greenroom.errors import ProviderUnavailable
from greenroom.rooms.agora import installation


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that modules are found in."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def install(packages: Path, *, library: bool) -> Path:
    (packages / "agora" / "rtc").mkdir(parents=True)
    (packages / "agora" / "__init__.py").write_text("raise SystemExit('imported')")
    libraries = packages / "agora" / "agora_sdk"
    libraries.mkdir()
    if library:
        name = "libAgoraRtcKit.dylib" if sys.platform == "darwin" else "libagora_rtc_sdk.so"
        (libraries / name).touch()
    return libraries


def test_without_the_package_it_says_how_to_install_it(packages: Path) -> None:
    assert not installation.is_available()
    with pytest.raises(ProviderUnavailable, match=r"pip install 'greenroom\[agora\]'.*Agora"):
        installation.require()


def test_another_package_of_that_name_is_not_taken_for_it(packages: Path) -> None:
    (packages / "agora.py").touch()
    assert "not installed" in installation.problem()


def test_without_the_native_library_it_says_where_it_comes_from(packages: Path) -> None:
    install(packages, library=False)
    with pytest.raises(ProviderUnavailable, match=r"its native library .* is not in"):
        installation.require()


def test_it_is_found_without_being_imported(packages: Path) -> None:
    libraries = install(packages, library=True)
    assert installation.is_available()
    assert installation.require() == libraries
    assert "agora" not in sys.modules
