"""The watch page's routes, for the port of the avatar APIs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute, Route

from greenroom.api.watch.links import WatchLinks
from greenroom.api.watch.page import PageFile
from greenroom.api.watch.whep import SessionLookup, WhepEndpoint
from greenroom.rooms.rtc.ice_servers import IceServer
from greenroom.rooms.whep.screenings import Screenings

MAX_OFFER = 65_536
"""Bytes of a viewer's offer; browsers' have some 6,000."""


def create_watch_routes(
    screenings: Screenings,
    sessions: SessionLookup,
    links: WatchLinks,
    *,
    ice_servers: Callable[[str], Sequence[IceServer]] = lambda _: (),
    max_offer: int = MAX_OFFER,
) -> list[BaseRoute]:
    """All paths below `/watch`.

    `ice_servers` tells which STUN and TURN servers a viewer of a session may use.
    """
    whep = WhepEndpoint(screenings, sessions, links, ice_servers=ice_servers, max_offer=max_offer)
    page = PageFile("index.html")
    return [
        *(
            Route(f"/watch/assets/{name}", PageFile(name), methods=["GET"])
            for name in ("watch.css", "watch.js", "icon.svg")
        ),
        Route("/watch/{session_id}", page, methods=["GET"]),
        Route("/watch/{session_id}/whep", whep),
        Route("/watch/{session_id}/whep/{viewer_id}", whep),
    ]
