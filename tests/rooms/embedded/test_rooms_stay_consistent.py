"""Whatever clients do, and in whatever order, everybody's picture of the room is the room's."""

from __future__ import annotations

import gc
import weakref

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from livekit.protocol import models, rtc

from support.fake_peer import FakeReceiver
from support.fake_rooms import FakeClient, Hall

NAMES = ("ann", "bob", "cid", "dan")
ACTIONS = (
    "join",
    "join_v0",
    "leave",
    "lose",
    "resume",
    "publish",
    "unpublish",
    "mute",
    "offer",
    "stop_media",
    "start_media",
    "remove",
    "wait",
)
State = models.ParticipantInfo.State


class Play:
    """Clients by name, who do as they are told where they can."""

    def __init__(self) -> None:
        self.hall = Hall(max_data_rate=10**9)
        self.clients: dict[str, FakeClient] = {}
        self.seen: dict[str, dict[str, models.ParticipantInfo]] = {}
        self.receivers: list[FakeReceiver] = []
        self.published = 0

    def do(self, name: str, action: str) -> None:
        client = self.clients.get(name)
        if action in {"join", "join_v0"}:
            client = self.hall.join(name) if action == "join" else self.hall.join_v0(name)
            self.clients[name] = client
        elif client is not None and not (client.channel.closed and action != "resume"):
            getattr(self, action)(client)
        self.hall.settle()
        self.answer()

    def answer(self) -> None:
        """Clients do what the server asks for: they offer, and they answer."""
        for client in self.clients.values():
            if client.channel.closed:
                continue
            asked = client.all("media_sections_requirement")
            if asked:
                client.offer(*["spare audio"] * asked[-1].num_audios)
            elif client.all("offer"):
                client.answer_offer()
            self.look(client)
            client.forget()

    def look(self, client: FakeClient) -> None:
        """Remember what the client was told, as clients do."""
        seen = self.seen.setdefault(client.sid, {})
        for message in client.channel.sent:
            told = [*message.join.other_participants, *message.update.participants]
            for info in told:
                if info.state == State.DISCONNECTED:
                    if seen.get(info.identity, info).sid == info.sid:
                        seen.pop(info.identity, None)
                else:
                    seen[info.identity] = info

    def leave(self, client: FakeClient) -> None:
        client.ask(leave=rtc.LeaveRequest())

    def lose(self, client: FakeClient) -> None:
        client.session.lost()
        client.channel.closed = "lost"

    def resume(self, client: FakeClient) -> None:
        single = len(client.peers) == 1 and not client.peer.channels
        back = self.hall.enter(
            client.identity, reconnect=True, participant_sid=client.sid, single_pc=single
        )
        if back.all("leave"):
            client.channel.closed = "lost"
            return
        back.peers, back.sections = client.peers, client.sections
        self.clients[client.identity] = back

    def publish(self, client: FakeClient) -> None:
        before = len(self.hall.peers)
        self.published += 1
        cid = f"track{self.published}"
        client.ask(add_track=rtc.AddTrackRequest(cid=cid, type=models.TrackType.AUDIO))
        client.offer(f"send audio {cid}")
        if len(self.hall.peers) > before:
            self.hall.add_peer(client)
        self.receivers += client.peers[-1].receivers.values()

    def unpublish(self, client: FakeClient) -> None:
        sections = client.sections
        index = next((n for n, line in enumerate(sections) if line.startswith("send")), None)
        if index is not None:
            client.offer(f"{index}:idle audio")

    def mute(self, client: FakeClient) -> None:
        own = self.hall.server.get_participant("hall", client.identity)
        for track in own.tracks[:1]:
            client.ask(mute=rtc.MuteTrackRequest(sid=track.sid, muted=not track.muted))

    def offer(self, client: FakeClient) -> None:
        client.offer()

    def stop_media(self, client: FakeClient) -> None:
        client.peer.become("disconnected")

    def start_media(self, client: FakeClient) -> None:
        client.peer.become("connected")

    def remove(self, client: FakeClient) -> None:
        self.hall.server.remove_participant("hall", client.identity)

    def wait(self, client: FakeClient) -> None:
        assert client.sid
        self.hall.clock.advance(3)

    def check(self) -> None:
        """Everybody who is connected sees who is there and gets what they publish."""
        there = {
            info.identity: info
            for room in self.hall.server.list_rooms()
            for info in self.hall.server.list_participants(room.name)
        }
        for name, client in self.clients.items():
            if client.channel.closed:
                continue
            assert there[name].sid == client.sid
            seen = {who: info for who, info in self.seen[client.sid].items() if who != name}
            assert seen == {who: info for who, info in there.items() if who != name}
            expected = {track.sid for who in seen for track in there[who].tracks}
            assert {sender.track_id for sender in client.peer.senders} == expected
            assert all(sender.mid is not None for sender in client.peer.senders)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(ACTIONS)), max_size=30))
def test_everybody_sees_the_room_as_it_is(script: list[tuple[str, str]]) -> None:
    play = Play()
    for name, action in script:
        play.do(name, action)
    for _ in range(3):
        play.hall.clock.advance(6)
        play.answer()
    play.check()
    play.hall.server.close()
    assert play.hall.clock.pending == 0
    assert all(peer.closed for peer in play.hall.peers)
    assert all(not receiver.sinks for receiver in play.receivers)


def test_nothing_of_a_client_is_kept_when_it_has_gone() -> None:
    hall = Hall()
    watcher = hall.join("watcher")
    ann = hall.join("ann")
    ann.publish()
    watcher.ask(
        subscription=rtc.UpdateSubscription(track_sids=[watcher.track("ann").sid], subscribe=True)
    )
    place = weakref.ref(hall.server._participant("hall", "ann"))
    ann.ask(leave=rtc.LeaveRequest())
    session = ann.session
    del ann
    hall.peers.clear()
    hall.clock.advance(1_000)  # until then the clock of tests keeps what was cancelled
    gc.collect()
    assert place() is None
    assert session.participant_sid
