"""The process that hosts Agora's SDK: `python -m greenroom.rooms.agora.helper DIRECTORY`.

Greeting: `{"hello": "agora"}`. The server's frames of a channel: `{"id", "op": "join", ...}` with
the fields of `service.Joining`; `{"id", "op": "play", "pts"}` with sound (48 kHz, whole ms) and
`{"id", "op": "show", "pts", "keyframe"}` with an encoded picture as payload, both stamped in ms;
`{"id", "op": "flush"}`; `{"id", "op": "renew", "token"}`; `{"id", "op": "leave"}`.
Answers: what `membership.Membership` tells, with the id.

The main thread reads, and never calls the SDK; each membership's thread does.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from greenroom.helpers.child import Child, ServerGone
from greenroom.helpers.wire import Frame
from greenroom.rooms.agora import sdk
from greenroom.rooms.agora.membership import Membership
from greenroom.rooms.agora.service import AgoraService, Joining

STUCK = 10.0
"""Seconds after which a call of the SDK is taken to never return; then the process ends itself."""
_LEAVING = 1.5
"""Seconds that leaving all channels may take when the server ends."""

Send = Callable[[dict[str, Any]], None]


class Host:
    """The memberships of this process, by the number of the server's call."""

    def __init__(self, service: AgoraService, send: Send) -> None:
        self._service = service
        self._send = send
        self._members: dict[int, Membership] = {}
        self._cancelled: set[int] = set()

    def handle(self, frame: Frame) -> None:
        """Do what the server asks."""
        header = frame.header
        number, op = header["id"], header["op"]
        if op == "join":
            fields = {key: value for key, value in header.items() if key not in {"id", "op"}}
            self._members[number] = joining = Membership(
                self._service, Joining(**fields), partial(self._tell, number)
            )
            joining.start()
            return
        member = self._members.get(number)
        if member is None:  # it has ended, which the server has not read yet
            return
        if op == "play":
            member.play(frame.payload, header["pts"])
        elif op == "show":
            member.show(frame.payload, header["pts"], keyframe=header["keyframe"])
        elif op == "flush":
            member.flush()
        elif op == "renew":
            member.renew(header["token"])
        elif op == "leave":
            member.leave()
        elif op == "cancel":
            self._cancelled.add(number)
            member.leave()

    def stuck(self, now: float) -> bool:
        """Whether a call of the SDK does not return; `now` is monotonic."""
        return any(member.busy(now) > STUCK for member in list(self._members.values()))

    def close(self) -> None:
        """Leave every channel, as far as that goes in time, and end the SDK's service."""
        members = list(self._members.values())
        for member in members:
            member.leave()
        deadline = time.monotonic() + _LEAVING
        for member in members:
            member.wait(max(0.0, deadline - time.monotonic()))
        if all(member.ended for member in members):
            self._service.release()

    def _tell(self, number: int, header: dict[str, Any]) -> None:
        """In a membership's thread.

        Frames of several threads don't mix: a pipe takes up to PIPE_BUF bytes (4096) at once.
        """
        if number not in self._cancelled:
            self._send({"id": number, **header})
        if header.get("end"):
            self._members.pop(number, None)
            self._cancelled.discard(number)


def _watch(host: Host) -> None:
    while not host.stuck(time.monotonic()):
        time.sleep(1.0)
    sys.stderr.write(f"Agora's SDK has not returned from a call for {STUCK:.0f} s\n")
    sys.stderr.flush()
    os._exit(1)


def main() -> None:
    """Serve until the server goes."""
    child = Child()
    directory = Path(sys.argv[1])
    directory.mkdir(parents=True, exist_ok=True)
    host = Host(AgoraService(sdk.load(), directory), child.send)
    child.send({"hello": "agora"})
    threading.Thread(target=_watch, args=(host,), name="watch", daemon=True).start()
    try:
        while True:
            for frame in child.poll(wait=True):
                host.handle(frame)
    except ServerGone:
        host.close()


if __name__ == "__main__":
    main()
