"""The offline model goes on with an answer that another model began and could not end."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Generator
from typing import Any

from greenroom.agents.turn import Call, Steps, Turn


def take_over(turn: Turn[Any]) -> None:
    """Let the offline model's steps of `turn` begin with what its tools have given already.

    A tool that the other model had run is not run again: its result is taken, so that nothing is
    put into the cart twice. Does nothing where no tool has run, or the offline model is at work.
    """
    if turn.steps is None and turn.ran:
        turn.steps = _continued(turn)
        next(turn.steps)


def _continued(turn: Turn[Any]) -> Generator[Call, dict[str, Any], str]:
    given: dict[str, deque[Any]] = defaultdict(deque)
    for ran in turn.ran.values():
        given[ran.tool].append(ran.result)
    # The model answers the call that is under way with the last result; that is in `ran` too.
    yield Call("", {})
    steps: Steps = turn.role.offline(turn)
    try:
        call = next(steps)
        while True:
            results = given[call.tool]
            call = steps.send(results.popleft() if results else (yield call))
    except StopIteration as done:
        return str(done.value)
