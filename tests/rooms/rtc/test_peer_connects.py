"""Whole peer connections against aiortc's, over UDP on the loopback interface."""

from __future__ import annotations

import asyncio
import fractions
from collections.abc import AsyncIterator

import av
import numpy as np
import pytest
from aiortc import (
    AudioStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamTrack

from greenroom.rooms.rtc.certificate import Certificate
from greenroom.rooms.rtc.media import OPUS, MediaPacket, MediaSource
from greenroom.rooms.rtc.peer import PeerConnection
from greenroom.rooms.rtc.ports import Receiver, TransportState
from greenroom.rooms.rtc.transport import PeerTransport
from greenroom.rooms.rtc.udp import UdpMux
from greenroom.settings import RoomSettings

TIMEOUT = 10.0
CERTIFICATE = Certificate.generate()


class Waiting:
    """`PeerEvents` to wait for."""

    def __init__(self) -> None:
        self.states: asyncio.Queue[TransportState] = asyncio.Queue()
        self.receivers: asyncio.Queue[Receiver] = asyncio.Queue()
        self.ended: asyncio.Queue[Receiver] = asyncio.Queue()
        self.channels: asyncio.Queue[str] = asyncio.Queue()
        self.messages: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    def on_state(self, state: TransportState) -> None:
        self.states.put_nowait(state)

    def on_receiver(self, receiver: Receiver) -> None:
        self.receivers.put_nowait(receiver)

    def on_receiver_ended(self, receiver: Receiver) -> None:
        self.ended.put_nowait(receiver)

    def on_channel(self, label: str) -> None:
        self.channels.put_nowait(label)

    def on_message(self, label: str, payload: bytes) -> None:
        self.messages.put_nowait((label, payload))

    async def connected(self) -> None:
        async with asyncio.timeout(TIMEOUT):
            while await self.states.get() != "connected":
                pass


class Tone(AudioStreamTrack):
    """440 Hz, as loud as half of what there is."""

    async def recv(self) -> av.AudioFrame:
        frame = await super().recv()
        times = (frame.pts + np.arange(frame.samples)) / frame.sample_rate
        wave = (16_000 * np.sin(2 * np.pi * 440 * times)).astype(np.int16)
        made = av.AudioFrame.from_ndarray(wave[None, :], format="s16", layout="mono")
        made.pts, made.sample_rate = frame.pts, frame.sample_rate
        made.time_base = fractions.Fraction(1, frame.sample_rate)
        return made


class Listener:
    """A sink that keeps the packets."""

    def __init__(self) -> None:
        self.packets: asyncio.Queue[MediaPacket] = asyncio.Queue()

    def write(self, packet: MediaPacket) -> None:
        self.packets.put_nowait(packet)


class Fixture:
    def __init__(self, mux: UdpMux) -> None:
        loop = asyncio.get_running_loop()
        transport = PeerTransport(
            mux,
            CERTIFICATE,
            loop,
            connect_timeout=TIMEOUT,
            reconnect_timeout=TIMEOUT,
            max_unsent_bytes=1_000_000,
            max_message_bytes=262_144,
        )
        self.events = Waiting()
        self.peer = PeerConnection(transport, loop)
        self.peer.attach(self.events)
        self.client = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )
        self.tracks: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
        self.client.on("track", self.tracks.put_nowait)

    async def client_offers(self) -> None:
        await self.client.setLocalDescription(await self.client.createOffer())
        answer = self.peer.answer(self.client.localDescription.sdp)
        await self.client.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def server_offers(self) -> None:
        offer = RTCSessionDescription(self.peer.offer(), "offer")
        await self.client.setRemoteDescription(offer)
        await self.client.setLocalDescription(await self.client.createAnswer())
        self.peer.accept(self.client.localDescription.sdp)


@pytest.fixture
async def connection() -> AsyncIterator[Fixture]:
    mux = await UdpMux.open(RoomSettings(udp_ports="0"), "127.0.0.1", asyncio.get_running_loop())
    made = Fixture(mux)
    yield made
    made.peer.close()
    await made.client.close()
    mux.close()


async def hears_tone(track: MediaStreamTrack) -> None:
    """Return once a frame is about as loud as `Tone` (root mean square)."""
    async with asyncio.timeout(TIMEOUT):
        loudness = 0.0
        while loudness < 7_000:  # to stereo costs 3 dB
            samples = (await track.recv()).to_ndarray().astype(float)
            loudness = float(np.sqrt(np.mean(samples**2)))


async def test_a_client_hears_itself_and_exchanges_data(connection: Fixture) -> None:
    client, peer, events = connection.client, connection.peer, connection.events
    # aiortc bundles on the transport of what comes first, and closes it where that is data.
    client.addTransceiver(Tone(), direction="sendonly")
    client.addTransceiver("audio", direction="recvonly")
    channel = client.createDataChannel("_reliable")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    channel.on("message", heard.put_nowait)
    sender = peer.add_sender(OPUS, stream_id="PA_1|TR_1", track_id="TR_1")
    await connection.client_offers()
    await events.connected()

    receiver = events.receivers.get_nowait()
    source: MediaSource = receiver
    sender.set_source(source)
    track = await connection.tracks.get()
    await hears_tone(track)

    async with asyncio.timeout(TIMEOUT):
        assert await events.channels.get() == "_reliable"
        channel.send(b"there")
        assert await events.messages.get() == ("_reliable", b"there")
        assert peer.send_message("_reliable", b"and back")
        assert await heard.get() == b"and back"


async def test_a_track_that_stops_ends_and_another_begins_on_the_same_connection(
    connection: Fixture,
) -> None:
    client, events = connection.client, connection.events
    transceiver = client.addTransceiver(Tone(), direction="sendonly")
    await connection.client_offers()
    await events.connected()
    first = events.receivers.get_nowait()
    transceiver.direction = "inactive"
    await connection.client_offers()
    assert events.ended.get_nowait() is first
    client.addTransceiver(Tone(), direction="sendonly")
    await connection.client_offers()
    second = events.receivers.get_nowait()
    listener = Listener()
    second.add_sink(listener)
    async with asyncio.timeout(TIMEOUT):
        packet = await listener.packets.get()
    assert packet.codec.name == "opus"
    assert second.mid != first.mid


async def test_a_subscriber_takes_what_the_server_offers(connection: Fixture) -> None:
    peer, events = connection.peer, connection.events
    peer.open_channel("_reliable", ordered=True, max_retransmits=None)
    sender = peer.add_sender(OPUS, stream_id="PA_1", track_id="TR_1")
    await connection.server_offers()
    await events.connected()
    track = await connection.tracks.get()
    assert track.id == "TR_1"
    assert sender.mid == "1"
    async with asyncio.timeout(TIMEOUT):
        assert await events.channels.get() == "_reliable"
    # Another track on the same connection.
    second = peer.add_sender(OPUS, stream_id="PA_2", track_id="TR_2")
    await connection.server_offers()
    assert (await connection.tracks.get()).id == "TR_2"
    assert second.mid == "2"
