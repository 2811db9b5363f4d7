"""Chromium on the watch page, as a viewer: the page's own picture and sound, looked at in the page.

The sound is what Web Audio gets of the page's stream, at the time at which it would be heard. The
page is the product's, unchanged; what measures is put beside it.
"""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from typing import Any

from playwright.async_api import async_playwright

from avatar_eyes import LOUD, MouthGauge, Seen
from support.browser import ARGUMENTS, find_chromium

EXPOSE = """
const Plain = RTCPeerConnection;
window.peers = [];
window.RTCPeerConnection = class extends Plain {
  constructor(...all) { super(...all); peers.push(this); }
};
"""

MEASURE = """async ({ box: [left, top, width, height], rest, way, loud }) => {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const look = (_, { expectedDisplayTime }) => {
    context.drawImage(video, left, top, width, height, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    let openness = 0;
    for (let i = 0; i < way.length; i += 1) {
      if (!way[i]) continue;
      const luma = 0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2];
      openness += way[i] * (luma - rest[i]);
    }
    note('picture', performance.timeOrigin + expectedDisplayTime, openness);
    video.requestVideoFrameCallback(look);
  };
  video.requestVideoFrameCallback(look);

  const ears = new AudioContext({ latencyHint: 'interactive' });
  const source = `registerProcessor('ear', class extends AudioWorkletProcessor {
    begin = null; end = 0; blocks = 0;
    process([[channel]]) {
      const last = channel ? channel.findLastIndex((it) => Math.abs(it) > ${loud}) : -1;
      if (last >= 0) {
        const first = channel.findIndex((it) => Math.abs(it) > ${loud});
        this.begin ??= currentTime + first / sampleRate;
        this.end = currentTime + last / sampleRate;
      }
      this.blocks += 1;
      if (this.blocks % 8 === 0 && this.begin !== null) {
        this.port.postMessage([this.begin, this.end]);
        this.begin = null;
      }
      return true;
    }
  });`;
  const url = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
  await ears.audioWorklet.addModule(url);
  await ears.resume();
  const ear = new AudioWorkletNode(ears, 'ear');
  ears.createMediaStreamSource(video.srcObject).connect(ear);
  ear.port.onmessage = ({ data: [begin, end] }) => {
    const { contextTime, performanceTime } = ears.getOutputTimestamp();
    const at = (moment) =>
      performance.timeOrigin + performanceTime + 1000 * (moment - contextTime);
    note('sound', at(begin), at(end));
  };
}"""

PLAYOUT = """async () => {
  const stats = [...(await peers.at(-1).getStats()).values()];
  const of = (kind) => stats.find((it) => it.type === 'inbound-rtp' && it.kind === kind);
  const [sound, picture] = [of('audio'), of('video')];
  const buffered = (it) => (1000 * it.jitterBufferDelay) / it.jitterBufferEmittedCount;
  return {
    browser_offset_ms: picture.estimatedPlayoutTimestamp === undefined ? null
      : Math.round(sound.estimatedPlayoutTimestamp - picture.estimatedPlayoutTimestamp),
    sound_buffer_ms: Math.round(buffered(sound)),
    picture_buffer_ms: Math.round(buffered(picture)),
  };
}"""


class PageViewer:
    """Opens a link to the watch page, and looks at what it shows."""

    def __init__(self, gauge: MouthGauge) -> None:
        self.seen = Seen()
        self._gauge = gauge
        self._page: Any = None

    async def open(self, link: str, stack: AsyncExitStack) -> None:
        """The page waits for its session, and measures as soon as it is live."""
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(
            executable_path=find_chromium(), args=list(ARGUMENTS)
        )
        stack.push_async_callback(browser.close)
        # The page's policy allows no script but its own, and so none that measures.
        context = await browser.new_context(bypass_csp=True)
        self._page = await context.new_page()
        await self._page.add_init_script(EXPOSE)
        await self._page.expose_function("note", self._note)
        await self._page.goto(link)
        await self._page.wait_for_selector("body[data-state=waiting]")

    async def measure(self) -> None:
        """Look and listen from now on; the page must be live."""
        await self._page.wait_for_selector("body[data-state=live]")
        await self._page.evaluate(MEASURE, {**self._gauge.in_a_box(), "loud": LOUD / 32_768})

    async def playout(self) -> dict[str, Any]:
        """What the browser itself says of the two being in step, and of its buffers."""
        found: dict[str, Any] = await self._page.evaluate(PLAYOUT)
        return found

    def _note(self, kind: str, first: float, second: float) -> None:
        shift = time.monotonic() - time.time()
        if kind == "picture":
            self.seen.see(first / 1000 + shift, second)
        else:
            self.seen.sounds.append((first / 1000 + shift, second / 1000 + shift))
            self.seen.changed.set()
