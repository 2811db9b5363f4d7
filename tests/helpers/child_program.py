"""A helper that does as its server says, for the tests of the pool. Not collected."""

from __future__ import annotations

import os
import sys
from typing import Any

from greenroom.helpers.child import Child, ServerGone


def _obey(child: Child, header: dict[str, Any], payload: bytes) -> None:
    number, op = header["id"], header["op"]
    if op == "echo":
        child.send({"id": number, "text": header.get("text", ""), "end": True}, payload)
    elif op == "begin":
        child.send({"id": number, "begun": os.getpid()})
    elif op == "die":
        sys.stderr.write("a last word\n")
        sys.stderr.flush()
        os._exit(3)
    elif op == "print":
        os.write(1, b"printed by a library\n")
        child.send({"id": number, "end": True})
    elif op == "garbage":
        os.write(child._out, b"\xff" * 64)
    elif op == "stray":
        child.send({"nonsense": True})
    elif op == "hang":
        os.read(os.pipe()[0], 1)


def main() -> None:
    child = Child()
    child.send({"hello": "obedient", "pid": os.getpid()})
    try:
        while True:
            for frame in child.poll(wait=True):
                _obey(child, frame.header, frame.payload)
    except ServerGone:
        return


if __name__ == "__main__":
    main()
