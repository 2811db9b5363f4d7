"""The watch page in Chromium, sent what the avatar's own encoders make."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import av
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright

from greenroom.audio.pcm import Pcm
from greenroom.avatar.formats import LIP_SYNC_RATE, PictureFormat, VideoCodec
from greenroom.avatar.video.encoder import open_encoder
from greenroom.rooms.ports import EncodedFrame
from greenroom.rooms.rtc.media import AV1, H264, VP8, Codec
from greenroom.rooms.venue import VENUE_RATE, Venue, VenuePicture
from greenroom.sessions.model import EndReason, Status
from support.browser import ARGUMENTS, find_chromium
from support.watching import Watching, performing, tone, watching

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.xdist_group("browser"),
    pytest.mark.timeout(120),
]

FORMAT = PictureFormat(160, 96, 20, 100_000)
CODECS: dict[VideoCodec, Codec] = {"H264": H264, "VP8": VP8, "AV1": AV1}
GREY = 180
HERTZ = 440
PATIENCE = 15_000
"""Milliseconds in which anything has to happen in the page."""

BRIGHTNESS = """() => {
  const canvas = new OffscreenCanvas(8, 8);
  const context = canvas.getContext('2d');
  context.drawImage(video, 0, 0, 8, 8);
  return context.getImageData(4, 4, 1, 1).data[1];
}"""
PITCH = """async () => {
  const context = new AudioContext();
  await context.resume();
  const analyser = context.createAnalyser();
  analyser.fftSize = 8192;
  context.createMediaStreamSource(video.srcObject).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    analyser.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    if (bins[loudest] > -40) return (loudest * context.sampleRate) / analyser.fftSize;
  }
}"""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=find_chromium(), args=list(ARGUMENTS)
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server() -> AsyncIterator[Watching]:
    async with watching() as made:
        yield made


@asynccontextmanager
async def opened(browser: Browser, url: str) -> AsyncIterator[Page]:
    """The page; nothing in it may have failed."""
    context = await browser.new_context(viewport={"width": 600, "height": 500})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE)
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    await page.goto(url)
    yield page
    await context.close()
    assert not failed


async def becomes(page: Page, state: str) -> str:
    """The page's words for that state, once it is in it."""
    await page.wait_for_function(
        "state => document.body.dataset.state === state", arg=state, timeout=PATIENCE
    )
    return await page.inner_text("#status")


def performance(codec: VideoCodec, venue: Venue) -> Callable[[int], tuple[Pcm, EncodedFrame]]:
    """A grey picture with a bright bar that wanders, and a tone."""
    encoder = open_encoder(codec, FORMAT)
    sound = tone(HERTZ, VENUE_RATE // FORMAT.rate)

    def perform(number: int) -> tuple[Pcm, EncodedFrame]:
        planes = np.full((FORMAT.height * 3 // 2, FORMAT.width), 128, np.uint8)
        planes[: FORMAT.height] = GREY
        planes[:16, number * 4 % FORMAT.width] = 250
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        at = number * LIP_SYNC_RATE // FORMAT.rate
        picture = encoder.encode(frame, at, keyframe=venue.keyframe_wanted)
        return next(sound), EncodedFrame(picture.data, at / LIP_SYNC_RATE, picture.keyframe)

    return perform


@pytest.mark.parametrize("codec", ["H264", "VP8", "AV1"])
async def test_a_session_is_waited_for_seen_heard_and_over(
    browser: Browser, server: Watching, codec: VideoCodec
) -> None:
    server.sessions.put(codec, Status.WAITING)
    async with opened(browser, server.link(codec)) as page:
        assert await becomes(page, "waiting") == "Waiting for the session to begin …"
        picture = VenuePicture(CODECS[codec], FORMAT.width, FORMAT.height, FORMAT.rate)
        venue = server.screenings.open(codec, picture)
        async with performing(venue, FORMAT.rate, performance(codec, venue)):
            assert await becomes(page, "live") == "Live"
            await page.wait_for_function(
                "() => video.getVideoPlaybackQuality().totalVideoFrames > 10"
            )
            assert await page.evaluate("[video.videoWidth, video.videoHeight]") == [160, 96]
            assert await page.evaluate(BRIGHTNESS) == pytest.approx((GREY - 16) * 255 / 219, abs=8)
            assert await page.evaluate(PITCH) == pytest.approx(HERTZ, abs=12)
            server.sessions.put(codec, Status.STOPPED, EndReason.CLIENT_STOPPED)
            await venue.close()
            assert await becomes(page, "ended") == "This session has ended."


async def test_sound_is_turned_off_and_on_again(browser: Browser, server: Watching) -> None:
    server.sessions.put("sound", Status.ACTIVE)
    venue = server.screenings.open("sound", VenuePicture(VP8, 160, 96, FORMAT.rate))
    async with opened(browser, server.link("sound")) as page:
        async with performing(venue, FORMAT.rate, performance("VP8", venue)):
            await becomes(page, "live")
            button = page.get_by_role("button", name="Turn sound off")
            await button.click()
            assert await page.evaluate("video.muted")
            await page.get_by_role("button", name="Turn sound on").click()
            assert not await page.evaluate("video.muted")
        await page.goto("about:blank")
        async with asyncio.timeout(PATIENCE / 1000):
            while venue.viewers:  # noqa: ASYNC110 - who leaves tells nobody but the server
                await asyncio.sleep(0.01)
    await venue.close()


@pytest.mark.parametrize(
    ("known", "linked", "words"),
    [
        ("s1", "s2", "This link is for another session."),
        ("", "s1", "There is no such session."),
        ("s1", "", "This link is not valid, or not any more."),
    ],
)
async def test_a_link_that_shows_nothing_says_why(
    browser: Browser, server: Watching, known: str, linked: str, words: str
) -> None:
    server.sessions.known.clear()
    if known:
        server.sessions.put(known, Status.WAITING)
    token = server.token(linked) if linked else "nonsense"
    async with opened(browser, f"{server.url}/watch/s1?token={token}") as page:
        assert await becomes(page, "refused") == words
