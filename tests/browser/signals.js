// Signals that tests recognise: tones and colours, made here and measured here.

const audio = new AudioContext({ sampleRate: 48000 });

/** A microphone that hears one tone. */
function toneTrack(hertz, level = 0.25) {
  const oscillator = new OscillatorNode(audio, { frequency: hertz });
  const gain = new GainNode(audio, { gain: level });
  const out = new MediaStreamAudioDestinationNode(audio, { channelCount: 1 });
  oscillator.connect(gain).connect(out);
  oscillator.start();
  return out.stream.getAudioTracks()[0];
}

/** A camera that sees one colour, with a mark that moves so that there is always a new picture. */
function colourTrack(colour, width, height, rate) {
  const canvas = new OffscreenCanvas(width, height);
  const generator = new MediaStreamTrackGenerator({ kind: 'video' });
  const writer = generator.writable.getWriter();
  const context = canvas.getContext('2d');
  let number = 0;
  const timer = setInterval(() => {
    if (generator.readyState === 'ended') return clearInterval(timer);
    context.fillStyle = colour;
    context.fillRect(0, 0, width, height);
    context.fillStyle = 'white';
    context.fillRect((number * 4) % width, 0, 4, 4);
    const frame = new VideoFrame(canvas, { timestamp: (number * 1e6) / rate });
    number += 1;
    writer.write(frame).catch(() => clearInterval(timer));
  }, 1000 / rate);
  return generator;
}

const SIZE = 16384; // samples: a third of a second

/**
 * What part of a track's sound is a tone of that many hertz, 0 to 1, and its level. Returns when
 * `done` says of them that this is enough, or after `seconds`.
 */
async function measureTone(track, hertz, done, seconds) {
  const element = track.attach(); // Chromium decodes a remote track for an element only
  element.muted = true;
  const source = audio.createMediaStreamSource(new MediaStream([track.mediaStreamTrack]));
  const analyser = new AnalyserNode(audio, { fftSize: SIZE });
  source.connect(analyser);
  const samples = new Float32Array(SIZE);
  const deadline = performance.now() + seconds * 1000;
  let found;
  try {
    do {
      await pause(100);
      analyser.getFloatTimeDomainData(samples);
      found = toneIn(samples, hertz);
    } while (!done(found) && performance.now() < deadline);
  } finally {
    source.disconnect();
    track.detach(element);
  }
  return found;
}

function toneIn(samples, hertz) {
  let real = 0;
  let imaginary = 0;
  let power = 0;
  let weights = 0;
  for (let i = 0; i < samples.length; i++) {
    const weight = 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / samples.length);
    const phase = (2 * Math.PI * hertz * i) / audio.sampleRate;
    real += weight * samples[i] * Math.cos(phase);
    imaginary += weight * samples[i] * Math.sin(phase);
    power += weight * samples[i] * samples[i];
    weights += weight;
  }
  const level = Math.sqrt(power / weights);
  if (level < 1e-4) return { purity: 0, level };
  return { purity: (2 * (real * real + imaginary * imaginary)) / (power * weights), level };
}

/** The size of a track's picture, and the colour of its middle; returns when `done` says so. */
async function measurePicture(track, done, seconds) {
  const element = track.attach();
  element.muted = true;
  document.body.append(element);
  const canvas = new OffscreenCanvas(1, 1);
  const context = canvas.getContext('2d', { willReadFrequently: true });
  const deadline = performance.now() + seconds * 1000;
  let found = { width: 0, height: 0, colour: [0, 0, 0] };
  try {
    do {
      await pause(100);
      const { videoWidth: width, videoHeight: height } = element;
      if (!width) continue;
      context.drawImage(element, width / 2, height / 2, 1, 1, 0, 0, 1, 1);
      found = { width, height, colour: [...context.getImageData(0, 0, 1, 1).data.slice(0, 3)] };
    } while (!done(found) && performance.now() < deadline);
  } finally {
    track.detach(element);
    element.remove();
  }
  return found;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
