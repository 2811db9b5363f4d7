from __future__ import annotations

import jwt
import pytest

from greenroom.api.auth import SessionTokens
from greenroom.api.watch.links import WatchLinks, page_url
from greenroom.errors import Forbidden, Unauthorized
from greenroom.settings import AvatarSettings, ServerSettings, Settings

SECRET = "a secret of 32 bytes at the least"


def links(**options: bool) -> WatchLinks:
    return WatchLinks(SECRET, 60, "http://127.0.0.1:8764/", now=lambda: 1_000.0, **options)


def token(link: str) -> str:
    return link.partition("?token=")[2]


def test_a_link_lets_its_bearer_watch_its_session() -> None:
    link = links().watch_url("s1")
    assert link.startswith("http://127.0.0.1:8764/watch/s1?token=")
    links().check("s1", token(link))


def test_a_link_lets_nobody_watch_another_session() -> None:
    with pytest.raises(Forbidden):
        links().check("s2", token(links().watch_url("s1")))


def test_a_link_is_no_good_once_it_has_expired() -> None:
    later = WatchLinks(SECRET, 60, "", now=lambda: 1_061.0)
    with pytest.raises(Unauthorized, match="expired"):
        later.check("s1", token(links().watch_url("s1")))


@pytest.mark.parametrize("shown", [None, "", "no-token", "a.b.c", "x" * 3_000])
def test_what_is_no_token_is_refused(shown: str | None) -> None:
    with pytest.raises(Unauthorized):
        links().check("s1", shown)


def test_session_tokens_and_watch_tokens_are_no_good_for_each_other() -> None:
    sessions = SessionTokens(SECRET, 60, now=lambda: 1_000.0)
    with pytest.raises(Unauthorized):
        links().check("s1", sessions.sign("s1", "default")[0])
    with pytest.raises(Unauthorized):
        sessions.verify(token(links().watch_url("s1")))


def test_on_a_loopback_bind_the_sessions_id_is_enough_but_a_wrong_token_is_still_wrong() -> None:
    links(tokenless=True).check("s1", None)
    with pytest.raises(Unauthorized):
        links(tokenless=True).check("s1", "wrong")


def test_links_lead_where_a_servers_settings_say_for_as_long_as_a_session_can_last() -> None:
    settings = Settings(server=ServerSettings(host="127.0.0.1"))
    avatar = settings.avatar
    own = WatchLinks.of(settings, SECRET, "ws://127.0.0.1:8764")
    link = own.watch_url("s1")
    assert link.startswith("http://127.0.0.1:8764/watch/s1?")
    claims = jwt.decode(token(link), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == avatar.init_timeout + avatar.max_duration
    own.check("s1", None)


def test_a_server_that_others_reach_by_a_proxy_asks_for_tokens() -> None:
    settings = Settings(
        server=ServerSettings(host="127.0.0.1"),
        avatar=AvatarSettings(public_url="wss://avatars.example.com"),
    )
    own = WatchLinks.of(settings, SECRET, "ws://127.0.0.1:8764")
    assert own.watch_url("s1").startswith("https://avatars.example.com/watch/s1?")
    with pytest.raises(Unauthorized):
        own.check("s1", None)


@pytest.mark.parametrize(
    ("given", "pages"),
    [
        ("ws://127.0.0.1:8764", "http://127.0.0.1:8764"),
        ("wss://avatars.example.com", "https://avatars.example.com"),
        ("https://avatars.example.com", "https://avatars.example.com"),
    ],
)
def test_pages_are_where_websockets_are(given: str, pages: str) -> None:
    assert page_url(given) == pages
