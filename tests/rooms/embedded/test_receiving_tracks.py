"""When a track reaches those who get it, and that its publisher is told then."""

from __future__ import annotations

from typing import Any

from livekit.protocol import rtc

from greenroom.rooms.embedded.local import LocalParticipant
from rooms.embedded.test_local_participants import Listener, agent, voice
from support.fake_rooms import Hall


def speaking(hall: Hall, **given: Any) -> tuple[LocalParticipant, Listener, str]:
    """An agent that publishes its voice, and the voice's id."""
    local, listener = agent(hall, **given)
    return local, listener, local.publish(*voice()).sid


def receptions(listener: Listener) -> int:
    return listener.names().count("received")


def test_a_track_is_received_when_it_is_negotiated_and_the_client_is_connected() -> None:
    hall = Hall()
    local, listener, sid = speaking(hall)
    ann = hall.enter("ann")
    ann.offer("spare audio")
    assert ann.sender(sid).mid is not None
    assert not local.is_received(sid)
    ann.connect()
    assert (local.is_received(sid), receptions(listener)) == (True, 1)

    bob = hall.join("bob", spare=0)
    assert bob.sender(sid).mid is None
    assert receptions(listener) == 1
    bob.offer("spare audio")
    assert receptions(listener) == 2


def test_a_track_is_received_on_the_peer_connection_that_the_client_receives_on() -> None:
    hall = Hall()
    local, _, sid = speaking(hall)
    ann = hall.enter("ann", single_pc=False)
    hall.settle()
    ann.offer("send audio mic")
    hall.add_peer(ann)
    ann.peers[1].become("connected")
    ann.answer_offer()
    assert not local.is_received(sid)
    ann.connect()
    assert local.is_received(sid)


def test_who_is_cut_off_receives_nothing_until_it_is_back() -> None:
    hall = Hall()
    local, listener, sid = speaking(hall)
    ann = hall.join("ann")
    ann.peer.become("disconnected")
    assert not local.is_received(sid)
    ann.peer.become("connected")
    assert (local.is_received(sid), receptions(listener)) == (True, 2)
    ann.offer()  # nothing new
    assert receptions(listener) == 2
    ann.ask(leave=rtc.LeaveRequest())
    assert not local.is_received(sid)


def test_who_does_not_want_a_track_does_not_receive_it() -> None:
    hall = Hall()
    local, listener, sid = speaking(hall)
    ann = hall.join("ann")
    for wanted in (False, True):
        ann.ask(subscription=rtc.UpdateSubscription(track_sids=[sid], subscribe=wanted))
        hall.settle()
        assert local.is_received(sid) is False
    ann.offer("0:spare audio")
    assert (local.is_received(sid), receptions(listener)) == (True, 2)
    local.unpublish(sid)
    assert not local.is_received(sid)


def test_nobody_is_told_of_who_is_hidden() -> None:
    hall = Hall()
    local, listener, sid = speaking(hall)
    hall.join("eve", grants={"hidden": True})
    assert (local.is_received(sid), receptions(listener)) == (False, 0)
    hall.join("ann")
    assert (local.is_received(sid), receptions(listener)) == (True, 1)


def test_an_agent_of_this_process_receives_at_once() -> None:
    hall = Hall()
    local, listener, sid = speaking(hall)
    agent(hall, "other")
    assert (local.is_received(sid), receptions(listener)) == (True, 1)


def test_a_client_is_told_once_when_its_track_is_received_for_the_first_time() -> None:
    hall = Hall()
    ann = hall.join("ann")
    ann.publish()
    sid = ann.track("ann").sid
    bob = hall.enter("bob")
    bob.offer("spare audio")
    assert not ann.all("track_subscribed")
    bob.connect()
    hall.join("cid")
    bob.peer.become("disconnected")
    bob.peer.become("connected")
    assert [message.track_sid for message in ann.all("track_subscribed")] == [sid]
