"""Which of several servers a client is sent to, by the labels that it asks for."""

from __future__ import annotations

from collections.abc import Iterable

from greenroom.sessions.node import Place


def address_of(places: Iterable[Place], cluster: str, pod: str) -> str | None:
    """Where the first node is that goes by these labels; an empty label fits every node.

    None where no node does: then any will do.
    """
    for place in places:
        fits = cluster in ("", place.cluster) and pod in ("", place.pod)
        if fits and place.address:
            return place.address
    return None
