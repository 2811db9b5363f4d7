"""The stand-in, and what Greenroom uses, are what Agora's SDK has: held against its source."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from greenroom.rooms.agora import observers, sdk
from rooms.agora.conftest import STAND_IN
from rooms.agora.sdk_source import Class, classes_in, download, modules_of

pytestmark = pytest.mark.xdist_group("agora-sdk")  # one download

OURS: dict[Any, tuple[str, str]] = {
    sdk.Connection: ("rtc_connection.py", "RTCConnection"),
    sdk.Service: ("agora_service.py", "AgoraService"),
    observers.ConnectionEvents: ("rtc_connection_observer.py", "IRTCConnectionObserver"),
    observers.PublishingEvents: ("local_user_observer.py", "IRTCLocalUserObserver"),
}
"""What Greenroom writes down of the SDK, and where that is in the SDK."""
STAND_INS = {
    (path.name, name): one
    for path in (STAND_IN / "agora" / "rtc").glob("*.py")
    if path.name != "script.py"
    for name, one in classes_in(path.read_text()).items()
}
"""The stand-in's classes, by their file and name; the same file and name as in the SDK."""
Modules = dict[str, dict[str, Class]]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Modules:
    return modules_of(download(tmp_path_factory.mktemp("agora-sdk")))


@pytest.mark.parametrize(("file", "name"), sorted(STAND_INS))
def test_the_stand_in_has_the_signatures_of_the_sdk(file: str, name: str, real: Modules) -> None:
    assert name in real[file], f"the SDK's {file} has no class {name}"
    stand_in, sdk_has = STAND_INS[file, name], real[file][name]
    methods = {key: value for key, value in stand_in.methods.items() if not _is_ours(key)}
    assert methods == {key: sdk_has.methods.get(key) for key in methods}
    # Of an enumeration the members that are used; configurations are the SDK's whole.
    fields = {key: value for key, value in stand_in.fields.items() if key != "made"}
    theirs = sdk_has.fields
    if name.endswith(("Type", "Mode", "Code")):
        theirs = {key: theirs.get(key) for key in fields}
    assert fields == theirs


def _is_ours(method: str) -> bool:
    """Whether it is the stand-in's way to do what it does."""
    return method.startswith("_") and method != "__init__"


@pytest.mark.parametrize("ours", OURS, ids=lambda ours: ours.__name__)
def test_what_greenroom_uses_has_the_signatures_of_the_sdk(ours: type, real: Modules) -> None:
    file, called = OURS[ours]
    theirs = real[file][called]
    for name, method in vars(ours).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        assert name in theirs.methods, f"the SDK's {called} has no {name}"
        parameters = [
            (key, None if one.default is inspect.Parameter.empty else repr(one.default))
            for key, one in inspect.signature(method).parameters.items()
        ]
        assert parameters == theirs.methods[name], name


@pytest.mark.parametrize("ours", [observers.ConnectionEvents, observers.PublishingEvents])
def test_observers_answer_every_event_that_the_sdk_has(
    ours: Callable[[observers.Listener], Any], real: Modules
) -> None:
    observer = ours(_Deaf())
    file, called = OURS[ours]
    for event, parameters in real[file][called].methods.items():
        getattr(observer, event)(*range(len(parameters) - 1))
    with pytest.raises(AttributeError):
        _ = observer.anything_else


class _Deaf:
    def connected(self) -> None:
        pass

    def happened(self, event: str) -> None:
        pass

    def failed(self, why: str) -> None:
        pass


def test_what_greenroom_configures_are_fields_that_the_sdk_has(real: Modules) -> None:
    """The keywords of all that is made of the SDK's classes, found in Greenroom's source."""
    folder = Path(sdk.__file__).parent
    made = 0
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                known = real["agora_base.py"].get(node.func.attr)
                if known is not None:
                    made += 1
                    for keyword in node.keywords:
                        assert keyword.arg in known.fields, f"{node.func.attr}.{keyword.arg}"
    assert made == 5
