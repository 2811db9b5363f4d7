"""How shoppers put things: the patterns of `data/wordings.txt`, for `phrases` to fill."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from itertools import product


def load_wordings() -> dict[str, tuple[str, ...]]:
    """Every wording of each section of the file, by the section's name."""
    text = files("greenroom.commerce").joinpath("data/wordings.txt").read_text("utf-8")
    sections: dict[str, list[str]] = {}
    patterns: list[str] = []
    for line in text.splitlines():
        if line.startswith("["):
            patterns = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            patterns.append(line)
    return {
        name: tuple(wording for pattern in patterns for wording in expand(pattern))
        for name, patterns in sections.items()
    }


def expand(pattern: str) -> Iterator[str]:
    """All that a pattern stands for: "(show|find) me (it|)" is four wordings."""
    parts = re.split(r"\(([^)]*)\)", pattern)
    choices = [part.split("|") if index % 2 else [part] for index, part in enumerate(parts)]
    for chosen in product(*choices):
        yield " ".join("".join(chosen).split())


def interleave(*groups: Iterable[str]) -> Iterator[str]:
    """One of each group in turn, so that a bound on their number cuts all of them alike."""
    waiting = [iter(group) for group in groups]
    while waiting:
        for each in tuple(waiting):
            found = next(each, None)
            if found is None:
                waiting.remove(each)
            else:
                yield found
