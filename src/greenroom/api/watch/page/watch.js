// Watches one session by WHEP: an offer is posted, the answer brings the picture and the sound.

const RETRY_MS = 1000;
const LOST_MS = 4000; // a connection that is silent for so long is made anew

const WORDS = {
  connecting: 'Connecting …',
  waiting: 'Waiting for the session to begin …',
  live: 'Live',
  resuming: 'The connection is lost. Trying again …',
  ended: 'This session has ended.',
};
const REFUSED = {
  401: 'This link is not valid, or not any more.',
  403: 'This link is for another session.',
  404: 'There is no such session.',
  406: 'This browser cannot show the picture’s format.',
};
const FULL = 'Too many are watching already. Trying again …';

const endpoint = new URL(`${location.pathname.replace(/\/+$/, '')}/whep`, location.href);
const token = new URLSearchParams(location.search).get('token');
const credentials = token ? { authorization: `Bearer ${token}` } : {};

const video = document.getElementById('video');
const sound = document.getElementById('sound');
const screen = document.getElementById('screen');
const stage = document.querySelector('.stage');

let connection = null;
let resource = null;

/** @param {string} state one of WORDS, or `refused` @param {string} [words] */
function show(state, words = WORDS[state]) {
  document.body.dataset.state = state;
  document.getElementById('words').textContent = words;
}

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** The STUN and TURN servers that the server names in `Link` headers. */
async function iceServers() {
  const { headers } = await fetch(endpoint, { method: 'OPTIONS', headers: credentials });
  const links = (headers.get('link') ?? '').matchAll(/<([^>]+)>((?:;\s*[\w-]+="[^"]*")*)/g);
  return [...links].map(([, urls, rest]) => {
    const values = Object.fromEntries(
      [...rest.matchAll(/([\w-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    );
    return { urls, username: values.username, credential: values.credential };
  });
}

/** A peer connection with its offer; it can be posted again until it is answered. */
async function prepare() {
  const peer = new RTCPeerConnection({ iceServers: await iceServers() });
  const stream = new MediaStream();
  peer.addTransceiver('audio', { direction: 'recvonly' });
  peer.addTransceiver('video', { direction: 'recvonly' });
  peer.addEventListener('track', ({ track }) => stream.addTrack(track));
  await peer.setLocalDescription();
  return { peer, stream };
}

/** Posts until the session has begun. False: there is nothing more to be seen here. */
async function begin(peer) {
  for (;;) {
    const answer = await fetch(endpoint, {
      method: 'POST',
      headers: { 'content-type': 'application/sdp', ...credentials },
      body: peer.localDescription.sdp,
    });
    if (answer.status === 201) {
      resource = new URL(answer.headers.get('location'), endpoint);
      await peer.setRemoteDescription({ type: 'answer', sdp: await answer.text() });
      return true;
    }
    if (answer.status === 410) {
      show('ended');
      return false;
    }
    if (answer.status in REFUSED) {
      show('refused', REFUSED[answer.status]);
      return false;
    }
    if (answer.status === 409) show('waiting');
    else if (answer.status === 503) show('waiting', FULL);
    else show('resuming');
    await pause(1000 * Number(answer.headers.get('retry-after')) || RETRY_MS);
  }
}

/** Resolves when the server has ended the connection, or has been silent for too long. */
function over(peer) {
  const [{ transport }] = peer.getReceivers();
  return new Promise((resolve) => {
    let timer;
    const look = () => {
      clearTimeout(timer);
      const states = [peer.connectionState, transport.state];
      if (states.includes('failed') || states.includes('closed')) resolve();
      else if (states.includes('disconnected')) timer = setTimeout(resolve, LOST_MS);
    };
    peer.addEventListener('connectionstatechange', look);
    transport.addEventListener('statechange', look);
    look();
  });
}

async function play(stream) {
  video.srcObject = stream;
  video.muted = false;
  try {
    await video.play();
  } catch {
    // Browsers start sound only where the page was touched.
    video.muted = true;
    await video.play();
  }
}

/** Watch once. False: for good. */
async function watch() {
  const { peer, stream } = await prepare();
  connection = peer;
  try {
    if (!(await begin(peer))) return false;
    const ended = over(peer);
    play(stream).catch(() => {}); // refused while it is not on the screen: it starts by itself
    await ended;
    return true;
  } finally {
    peer.close();
    connection = resource = null;
  }
}

function tellSound() {
  sound.setAttribute('aria-pressed', String(!video.muted));
  const words = video.muted ? 'Turn sound on' : 'Turn sound off';
  sound.querySelector('span').textContent = words;
  sound.title = words;
}

video.addEventListener('volumechange', tellSound);
video.addEventListener('loadeddata', () => show('live'));
video.addEventListener('resize', () => {
  stage.style.setProperty('--shape', String(video.videoWidth / video.videoHeight));
});
sound.addEventListener('click', () => {
  video.muted = !video.muted;
  video.play().catch(() => {});
});
screen.hidden = !stage.requestFullscreen;
screen.addEventListener('click', () => {
  if (document.fullscreenElement) document.exitFullscreen();
  else stage.requestFullscreen();
});
addEventListener('pagehide', () => {
  if (resource) fetch(resource, { method: 'DELETE', headers: credentials, keepalive: true });
  connection?.close();
});
addEventListener('pageshow', ({ persisted }) => {
  if (persisted) location.reload();
});

tellSound();
for (;;) {
  try {
    if (!(await watch())) break;
  } catch (error) {
    console.warn(error); // the server can't be reached: it may be starting
    show('resuming');
    await pause(RETRY_MS);
  }
}
video.srcObject = null;
