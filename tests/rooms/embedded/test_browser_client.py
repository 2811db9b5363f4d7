"""LiveKit's JavaScript client, unmodified, in Chromium, against the embedded room server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from typing import Any, cast

import av
import numpy as np
import pytest
import pytest_asyncio

from audio.sounds import tone
from greenroom.audio.pcm import Pcm
from greenroom.rooms.embedded.agent_room import EmbeddedRoom
from greenroom.rooms.embedded.agent_rooms import EmbeddedRooms
from greenroom.rooms.ports import (
    DataReceived,
    EncodedFrame,
    Joining,
    ParticipantChanged,
    ParticipantJoined,
    ParticipantLeft,
    RoomEvent,
    Segment,
    TextReceived,
    TrackEnded,
    TrackMuted,
    TrackStarted,
    VideoFrame,
    VideoTrack,
)
from greenroom.rooms.rtc.media import VP8
from support.browser import BrowserClient, BrowserPage, chromium_page
from support.rooms import RunningRooms, room_token, running_rooms

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(120),
]

PATIENCE = 15.0
RATE = 48_000
PURE = 0.98
RED, GREEN, BLUE = [230, 20, 20], [20, 200, 20], [20, 20, 230]


def css(colour: list[int]) -> str:
    return f"rgb({', '.join(map(str, colour))})"


@dataclass
class Agent:
    """An agent in the room, with what happened to it."""

    room: EmbeddedRoom
    events: list[RoomEvent] = field(default_factory=list)
    sounds: dict[str, list[Pcm]] = field(default_factory=dict)
    pictures: dict[str, list[VideoFrame]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._news = asyncio.Event()
        self.room.listen(self._on_event)
        self.room.hear(self._on_sound, rate=RATE)

    def _on_event(self, event: RoomEvent) -> None:
        self.events.append(event)
        self._news.set()

    def _on_sound(self, identity: str, pcm: Pcm) -> None:
        self.sounds.setdefault(identity, []).append(pcm.copy())
        self._news.set()

    def _on_picture(self, identity: str, frame: VideoFrame) -> None:
        self.pictures.setdefault(identity, []).append(frame)
        self._news.set()

    def watch(self) -> None:
        self.room.watch(self._on_picture)

    async def until(self, condition: Any) -> Any:
        """What `condition()` says, once it is true."""
        async with asyncio.timeout(PATIENCE):
            while not (result := condition()):
                self._news.clear()
                await self._news.wait()
        return result

    async def saw(self, kind: type[RoomEvent], /, **details: Any) -> Any:
        """The first event of that kind with these details, which is then forgotten."""

        def found() -> RoomEvent | None:
            for event in self.events:
                if isinstance(event, kind) and all(
                    _detail(event, name) == value for name, value in details.items()
                ):
                    self.events.remove(event)
                    return event
            return None

        return await self.until(found)

    async def hears(self, identity: str, hertz: float) -> None:
        """Return when half a second of that tone was heard, without anything else."""

        judged = 0

        def heard() -> bool:
            nonlocal judged
            pieces = self.sounds.get(identity, [])
            if sum(map(len, pieces[judged:])) < RATE // 10:
                return False
            judged = len(pieces)
            pcm = np.concatenate(pieces[-50:])
            return len(pcm) >= RATE // 2 and purity(pcm[-RATE // 2 :], hertz) > PURE

        self.sounds.pop(identity, None)
        await self.until(heard)

    async def sees(self, identity: str, colour: list[int], width: int | None = None) -> VideoFrame:
        """Return the first picture in whose middle there is that colour."""

        def seen() -> VideoFrame | None:
            frames = self.pictures.get(identity, [])
            last = frames[-1] if frames else None
            if last is None or (width is not None and last.y.shape[1] != width):
                return None
            return last if np.allclose(colour_of(last), colour, atol=40) else None

        return cast("VideoFrame", await self.until(seen))


def _detail(event: object, name: str) -> object:
    """`identity` is found in the participant too."""
    if name == "identity" and not hasattr(event, "identity"):
        return event.participant.identity  # type: ignore[attr-defined]
    return getattr(event, name)


def purity(pcm: Pcm, hertz: float) -> float:
    """The part of the power that is in that tone."""
    x = pcm.astype(np.float64) * np.hanning(len(pcm))
    spectrum = np.abs(np.fft.rfft(x)) ** 2
    centre = round(hertz * len(pcm) / RATE)
    total = float(spectrum.sum())
    return float(spectrum[centre - 4 : centre + 5].sum()) / total if total > 1e6 else 0.0


def colour_of(frame: VideoFrame) -> list[float]:
    """RGB of the middle (BT.601, limited range)."""
    row, column = frame.y.shape[0] // 2, frame.y.shape[1] // 2
    y = 1.164 * (float(frame.y[row, column]) - 16)
    u = float(frame.u[row // 2, column // 2]) - 128
    v = float(frame.v[row // 2, column // 2]) - 128
    return [y + 1.596 * v, y - 0.392 * u - 0.813 * v, y + 2.017 * u]


@cache
def keyframe(colour: tuple[int, int, int], width: int = 160, height: int = 120) -> bytes:
    """A VP8 picture of one colour."""
    encoder = av.CodecContext.create("libvpx", "w")
    assert isinstance(encoder, av.VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = width, height, "yuv420p"
    encoder.time_base, encoder.options = Fraction(1, 10), {"lag-in-frames": "0"}
    rgb = np.full((height, width, 3), colour, np.uint8)
    packets = encoder.encode(
        av.VideoFrame.from_ndarray(rgb, format="rgb24").reformat(format="yuv420p")
    )
    return bytes(packets[0])


@asynccontextmanager
async def showing(track: VideoTrack, colour: list[int]) -> AsyncIterator[None]:
    """Ten pictures a second."""
    loop = asyncio.get_running_loop()
    handle: asyncio.TimerHandle | None = None

    def show() -> None:
        nonlocal handle
        picture = keyframe(cast("tuple[int, int, int]", tuple(colour)))
        track.write(EncodedFrame(picture, loop.time(), keyframe=True))
        handle = loop.call_later(0.1, show)

    show()
    try:
        yield
    finally:
        assert handle is not None
        handle.cancel()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[BrowserPage]:
    async with chromium_page() as page:
        yield page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rooms(page: BrowserPage) -> AsyncIterator[RunningRooms]:
    async with running_rooms() as rooms:
        yield rooms


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def old_rooms(page: BrowserPage) -> AsyncIterator[RunningRooms]:
    """A server that only knows the older signalling."""
    async with running_rooms(single_pc=False) as rooms:
        yield rooms


class Talk:
    """A room of its own for one test, with an agent in it."""

    def __init__(self, page: BrowserPage, rooms: RunningRooms, name: str) -> None:
        self._page, self._rooms, self.name = page, rooms, name
        self._clients: list[BrowserClient] = []
        self._agents: list[EmbeddedRoom] = []

    async def agent(self, identity: str = "agent", **more: Any) -> Agent:
        service = EmbeddedRooms(self._rooms.server, self._rooms.url, asyncio.get_running_loop())
        self._agents.append(await service.join(Joining(self.name, identity, **more)))
        return Agent(self._agents[-1])

    async def client(self, identity: str, **options: Any) -> BrowserClient:
        """Somebody in the browser, connected."""
        client = await self._page.new_client(**options)
        self._clients.append(client)
        await client.connect(self._rooms.url, room_token(identity, self.name))
        return client

    async def close(self) -> None:
        for client in self._clients:
            await client.disconnect()
        for agent in self._agents:
            await agent.close()


@asynccontextmanager
async def talking(page: BrowserPage, rooms: RunningRooms, name: str) -> AsyncIterator[Talk]:
    talk = Talk(page, rooms, name)
    try:
        yield talk
    finally:
        await talk.close()


@pytest_asyncio.fixture(loop_scope="module")
async def talk(
    page: BrowserPage, rooms: RunningRooms, request: pytest.FixtureRequest
) -> AsyncIterator[Talk]:
    async with talking(page, rooms, request.node.name) as talk:
        yield talk


InBothWays = Callable[[Callable[[Talk, bool], Awaitable[None]]], Awaitable[None]]


@pytest.fixture
def in_both_ways(
    page: BrowserPage, rooms: RunningRooms, request: pytest.FixtureRequest
) -> InBothWays:
    """Makes a check with one and with two peer connections, at the same time."""

    async def check_all(check: Callable[[Talk, bool], Awaitable[None]]) -> None:
        async def check_one(single: bool) -> None:
            name = f"{request.node.name}, {'one connection' if single else 'two connections'}"
            async with talking(page, rooms, name) as talk:
                await check(talk, single)

        async with asyncio.TaskGroup() as group:
            group.create_task(check_one(True))
            group.create_task(check_one(False))

    return check_all


@pytest.mark.parametrize("way", ["one connection", "two connections", "an older server"])
async def test_a_browser_and_an_agent_hear_each_other_by(
    page: BrowserPage, rooms: RunningRooms, old_rooms: RunningRooms, way: str
) -> None:
    async with talking(page, old_rooms if way == "an older server" else rooms, way) as talk:
        await hear_each_other(talk, singlePeerConnection=way != "two connections")


async def hear_each_other(talk: Talk, **options: Any) -> None:
    agent = await talk.agent(name="Agent", attributes={"lk.agent.state": "listening"})
    voice = await agent.room.publish_audio(24_000)
    voice.write(tone(500, 20.0, 24_000))
    client = await talk.client("anna", **options)
    joined = await agent.saw(ParticipantJoined, identity="anna")
    assert joined.participant.name == "Anna"
    assert joined.participant.is_human

    seen = await client.describe("agent")
    assert (seen["name"], seen["kind"]) == ("Agent", 4)
    assert seen["attributes"] == {"lk.agent.state": "listening"}
    await client.wait("subscribed", identity="agent", kind="audio")
    assert (await client.hear("agent", 500, PURE, PATIENCE))["purity"] >= PURE

    await client.say_tone(300)
    await agent.saw(TrackStarted, identity="anna", kind="audio", origin="microphone")
    await agent.hears("anna", 300)

    # What was said is cut at once where the agent is interrupted.
    voice.flush()
    assert (await client.hear_silence("agent", PATIENCE))["level"] < 0.001

    await client.disconnect()
    left = await agent.saw(ParticipantLeft, identity="anna")
    assert left.reason == "client_initiated"


async def test_two_browsers_hear_each_other(talk: Talk) -> None:
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.say_tone(300)
    await bert.say_tone(700)
    for client, other, hertz in ((anna, "bert", 700), (bert, "anna", 300)):
        await client.wait("subscribed", identity=other)
        assert (await client.hear(other, hertz, PURE, PATIENCE))["purity"] >= PURE
    # Who comes later hears both.
    cleo = await talk.client("cleo")
    for other, hertz in (("anna", 300), ("bert", 700)):
        await cleo.wait("subscribed", identity=other)
        assert (await cleo.hear(other, hertz, PURE, PATIENCE))["purity"] >= PURE
    speakers = await anna.wait("speakers")
    assert speakers["identities"]
    assert set(speakers["identities"]) <= {"anna", "bert"}


async def test_a_browser_sees_what_an_agent_shows(in_both_ways: InBothWays) -> None:
    async def check(talk: Talk, single: bool) -> None:
        agent = await talk.agent()
        track = await agent.room.publish_video(VP8, 160, 120)
        async with showing(track, RED):
            client = await talk.client("anna", singlePeerConnection=single)
            await client.wait("subscribed", identity="agent", kind="video")
            seen = await client.see("agent", RED, 160, PATIENCE)
        assert (seen["width"], seen["height"]) == (160, 120)
        assert np.allclose(seen["colour"], RED, atol=40)

    await in_both_ways(check)


async def test_a_camera_with_layers_reaches_agents_and_browsers_in_the_quality_they_want(
    talk: Talk,
) -> None:
    agent = await talk.agent()
    agent.watch()
    anna = await talk.client("anna")
    bert = await talk.client("bert")
    layers = [
        {"width": 320, "height": 180, "encoding": {"maxBitrate": 120_000, "maxFramerate": 10}}
    ]
    await anna.show_colour(
        css(BLUE),
        {
            "simulcast": True,
            "videoSimulcastLayers": layers,
            "videoEncoding": {"maxBitrate": 400_000, "maxFramerate": 10},
        },
    )
    await bert.wait("subscribed", identity="anna", kind="video")
    [track] = (await bert.describe("anna"))["tracks"]
    assert track["simulcasted"]
    assert track["mimeType"] == "video/VP8"
    seen = await bert.see("anna", BLUE, 640, PATIENCE)
    assert (seen["width"], seen["height"]) == (640, 360)
    assert np.allclose(seen["colour"], BLUE, atol=40)
    await bert.set_quality("anna", "LOW")
    assert (await bert.see("anna", BLUE, 320, PATIENCE))["width"] == 320
    await agent.sees("anna", BLUE)


@pytest.mark.parametrize("codec", ["H264", "VP9"])
async def test_a_camera_is_seen_in_the_codec_that_its_owner_chose(talk: Talk, codec: str) -> None:
    agent = await talk.agent()
    agent.watch()
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.show_colour(css(BLUE), {"videoCodec": codec.lower()})
    await bert.wait("subscribed", identity="anna", kind="video")
    [track] = (await bert.describe("anna"))["tracks"]
    assert track["mimeType"] == f"video/{codec}"
    assert np.allclose((await bert.see("anna", BLUE, None, PATIENCE))["colour"], BLUE, atol=40)
    await agent.sees("anna", BLUE)


async def test_the_browsers_own_camera_can_be_seen_turned_off_and_on(talk: Talk) -> None:
    agent = await talk.agent()
    agent.watch()
    anna = await talk.client("anna", dynacast=True)
    bert = await talk.client("bert", adaptiveStream=True)
    sid = await anna.show_camera()
    await bert.wait("subscribed", identity="anna", kind="video", source="camera")
    assert (await bert.see("anna", None, None, PATIENCE))["width"] in {320, 640}
    frame = await agent.until(lambda: agent.pictures.get("anna"))
    assert frame[0].y.shape[1] in {320, 640}
    await anna.mute(sid, True)
    await bert.wait("muted", identity="anna", sid=sid)
    await anna.mute(sid, False)
    await bert.wait("unmuted", identity="anna", sid=sid)
    agent.pictures.clear()
    await agent.until(lambda: agent.pictures.get("anna"))


async def test_data_goes_both_ways_to_all_or_to_some(talk: Talk) -> None:
    agent = await talk.agent()
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.wait("joined", identity="bert")
    await anna.send_data("to all", {"reliable": True, "topic": "news"})
    await anna.send_data("to bert", {"reliable": True, "destinationIdentities": ["bert"]})
    await anna.send_data("lossy", {"reliable": False, "topic": "positions"})
    await anna.send_data("last", {"reliable": True})
    received = await agent.saw(DataReceived, payload=b"to all")
    assert (received.identity, received.topic, received.reliable) == ("anna", "news", True)
    lossy = await agent.saw(DataReceived, payload=b"lossy")
    assert (lossy.topic, lossy.reliable) == ("positions", False)
    await agent.saw(DataReceived, payload=b"last")
    assert not [event for event in agent.events if isinstance(event, DataReceived)]
    for text, topic in (("to all", "news"), ("to bert", None), ("last", None)):
        data = await bert.wait("data", identity="anna", text=text)
        assert (data.get("topic") or None) == topic

    await agent.room.send_data(b"to anna", topic="answer", to=["anna"])
    await agent.room.send_data(b"to everybody", reliable=False)
    assert (await anna.wait("data", identity="agent"))["text"] in {"to anna", "to everybody"}
    await bert.wait("data", identity="agent", text="to everybody")


async def test_texts_go_both_ways(talk: Talk) -> None:
    agent = await talk.agent()
    anna, bert = await talk.client("anna"), await talk.client("bert")
    for client in (anna, bert):
        await client.read_texts("lk.chat")
    await anna.wait("joined", identity="bert")
    long = "".join(f"{number} Stühle und ein Tisch. " for number in range(3_000))
    await anna.send_text(long, {"topic": "lk.chat", "attributes": {"mood": "good"}})
    text = await agent.saw(TextReceived, identity="anna")
    assert (text.text, text.topic, text.attributes.get("mood")) == (long, "lk.chat", "good")
    assert (await bert.wait("text", identity="anna"))["text"] == long

    await agent.room.send_text("Yes?", topic="lk.chat", attributes={"a": "b"}, to=["anna"])
    answer = await anna.wait("text", identity="agent")
    assert (answer["text"], answer["attributes"]) == ("Yes?", {"a": "b"})
    writer = await agent.room.open_text(topic="lk.chat")
    for word in ("One ", "by ", "one."):
        await writer.write(word)
    await writer.close()
    assert (await bert.wait("text", identity="agent"))["text"] == "One by one."


async def test_methods_are_called_both_ways(talk: Talk) -> None:
    agent = await talk.agent()
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.wait("joined", identity="bert")

    async def greet(caller: str, payload: str) -> str:
        return f"Good day {caller}: {payload}"

    agent.room.handle_rpc("greet", greet)
    await anna.answer_rpc("greet", "Hello")
    await anna.answer_rpc("refuse", "")
    assert await anna.call_rpc("agent", "greet", "x" * 5_000) == {
        "answer": "Good day anna: " + "x" * 5_000
    }
    assert await bert.call_rpc("anna", "greet", "me") == {"answer": "Hello bert: me"}
    assert await agent.room.call_rpc("anna", "greet", "you") == "Hello agent: you"
    refused = await bert.call_rpc("anna", "refuse", "why")
    assert (refused["code"], refused["message"], refused["data"]) == (1600, "refused", "why")
    assert (await anna.call_rpc("agent", "nothing", ""))["code"] == 1400


async def test_attributes_and_metadata_are_told(talk: Talk) -> None:
    agent = await talk.agent()
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.wait("joined", identity="bert")
    await anna.set_attributes({"language": "de"})
    assert (await bert.wait("attributes", identity="anna"))["changed"] == {"language": "de"}
    await anna.set_metadata("about anna")
    assert (await bert.wait("metadata", identity="anna"))["metadata"] == "about anna"
    await agent.until(
        lambda: [
            event
            for event in agent.events
            if isinstance(event, ParticipantChanged)
            and event.participant.metadata == "about anna"
            and event.participant.attributes == {"language": "de"}
        ]
    )
    await agent.room.set_attributes({"lk.agent.state": "thinking"})
    changed = await anna.wait("attributes", identity="agent")
    assert changed["changed"] == {"lk.agent.state": "thinking"}


async def test_transcriptions_are_told_of_the_speaker(talk: Talk) -> None:
    agent = await talk.agent()
    voice = await agent.room.publish_audio(16_000)
    anna = await talk.client("anna")
    await anna.wait("subscribed", identity="agent")
    await agent.room.send_transcription(
        "agent", voice.sid, [Segment("s1", "Good day", final=False)]
    )
    await agent.room.send_transcription(
        "agent", voice.sid, [Segment("s1", "Good day.", final=True)]
    )
    first, second = await anna.wait("transcription"), await anna.wait("transcription")
    assert first["identity"] == second["identity"] == "agent"
    assert first["segments"] == [{"id": "s1", "text": "Good day", "final": False}]
    assert second["segments"] == [{"id": "s1", "text": "Good day.", "final": True}]


async def test_a_microphone_is_muted_ended_and_begun_anew(in_both_ways: InBothWays) -> None:
    async def check(talk: Talk, single: bool) -> None:
        agent = await talk.agent()
        anna = await talk.client("anna", singlePeerConnection=single)
        bert = await talk.client("bert", singlePeerConnection=single)
        sid = await anna.say_tone(300)
        await bert.wait("subscribed", identity="anna", sid=sid)
        await agent.hears("anna", 300)

        await anna.mute(sid, True)
        await bert.wait("muted", identity="anna", sid=sid)
        await agent.saw(TrackMuted, identity="anna", sid=sid, muted=True)
        assert (await bert.hear_silence("anna", PATIENCE))["level"] < 0.001
        await anna.mute(sid, False)
        await bert.wait("unmuted", identity="anna", sid=sid)
        await agent.saw(TrackMuted, identity="anna", sid=sid, muted=False)
        await agent.hears("anna", 300)

        await anna.unpublish(sid)
        await bert.wait("unpublished", identity="anna", sid=sid)
        await agent.saw(TrackEnded, identity="anna", sid=sid)
        again = await anna.say_tone(400)
        assert again != sid
        await bert.wait("subscribed", identity="anna", sid=again)
        assert (await bert.hear("anna", 400, PURE, PATIENCE))["purity"] >= PURE
        await agent.hears("anna", 400)

    await in_both_ways(check)


async def test_what_is_not_wanted_is_not_sent_until_it_is(talk: Talk) -> None:
    anna, bert = await talk.client("anna"), await talk.client("bert")
    await anna.say_tone(300)
    await bert.wait("subscribed", identity="anna")
    await bert.set_subscribed("anna", "microphone", False)
    await bert.wait("unsubscribed", identity="anna")
    await bert.set_subscribed("anna", "microphone", True)
    await bert.wait("subscribed", identity="anna")
    assert (await bert.hear("anna", 300, PURE, PATIENCE))["purity"] >= PURE


async def test_who_leaves_and_comes_back_is_heard_again(in_both_ways: InBothWays) -> None:
    async def check(talk: Talk, single: bool) -> None:
        agent = await talk.agent()
        bert = await talk.client("bert", singlePeerConnection=single)
        for hertz in (300, 400):
            anna = await talk.client("anna", singlePeerConnection=single)
            await bert.wait("joined", identity="anna")
            await anna.say_tone(hertz)
            await bert.wait("subscribed", identity="anna")
            assert (await bert.hear("anna", hertz, PURE, PATIENCE))["purity"] >= PURE
            await agent.hears("anna", hertz)
            await anna.disconnect()
            assert (await anna.wait("disconnected"))["reason"] == "CLIENT_INITIATED"
            await bert.wait("left", identity="anna")

    await in_both_ways(check)


async def test_the_same_identity_takes_the_place_of_the_one_before(talk: Talk) -> None:
    agent = await talk.agent()
    first = await talk.client("anna")
    second = await talk.client("anna")
    assert (await first.wait("disconnected"))["reason"] == "DUPLICATE_IDENTITY"
    assert (await agent.saw(ParticipantLeft, identity="anna")).reason == "duplicate_identity"
    await second.say_tone(300)
    await agent.hears("anna", 300)


@pytest.mark.parametrize("scenario", ["signal-reconnect", "full-reconnect"])
async def test_a_lost_connection_is_taken_up_again(in_both_ways: InBothWays, scenario: str) -> None:
    async def check(talk: Talk, single: bool) -> None:
        agent = await talk.agent()
        voice = await agent.room.publish_audio(16_000)
        voice.write(tone(500, 60.0))
        anna = await talk.client("anna", singlePeerConnection=single)
        await anna.say_tone(300)
        await agent.hears("anna", 300)
        await anna.wait("subscribed", identity="agent")
        await anna.simulate(scenario)
        await anna.wait("reconnected")
        await agent.hears("anna", 300)
        assert (await anna.hear("agent", 500, PURE, PATIENCE))["purity"] >= PURE
        await anna.settle()
        await anna.send_data("still here", {"reliable": True})
        await agent.saw(DataReceived, payload=b"still here")

    await in_both_ways(check)


async def test_a_closed_room_sends_everybody_away(talk: Talk, rooms: RunningRooms) -> None:
    anna = await talk.client("anna")
    assert rooms.server.delete_room(talk.name)
    assert (await anna.wait("disconnected"))["reason"] == "ROOM_DELETED"
    bert = await talk.client("bert")
    rooms.server.remove_participant(talk.name, "bert")
    assert (await bert.wait("disconnected"))["reason"] == "PARTICIPANT_REMOVED"
