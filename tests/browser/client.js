// One participant, driven from Python: every method takes and returns what JSON can hold.

const { Room, RoomEvent, Track, DisconnectReason, RpcError, VideoPreset } = LivekitClient;

const clients = new Map();

class Client {
  constructor(options) {
    this.room = new Room(options);
    this.events = [];
    this.waiting = [];
    this.published = new Map();
    const room = this.room;
    const tell = (name, details = {}) => this.tell({ name, ...details });
    const who = (participant) => participant?.identity ?? '';
    const about = (publication, participant) => ({
      identity: who(participant),
      sid: publication.trackSid,
      kind: publication.kind,
      source: publication.source,
    });
    room
      .on(RoomEvent.ParticipantConnected, (p) =>
        tell('joined', { identity: who(p), kind: p.kind, attributes: p.attributes }),
      )
      .on(RoomEvent.ParticipantDisconnected, (p) => tell('left', { identity: who(p) }))
      .on(RoomEvent.TrackSubscribed, (_, pub, p) => tell('subscribed', about(pub, p)))
      .on(RoomEvent.TrackUnsubscribed, (_, pub, p) => tell('unsubscribed', about(pub, p)))
      .on(RoomEvent.TrackUnpublished, (pub, p) => tell('unpublished', about(pub, p)))
      .on(RoomEvent.TrackMuted, (pub, p) => tell('muted', about(pub, p)))
      .on(RoomEvent.TrackUnmuted, (pub, p) => tell('unmuted', about(pub, p)))
      .on(RoomEvent.DataReceived, (payload, p, _, topic) =>
        tell('data', { identity: who(p), text: new TextDecoder().decode(payload), topic }),
      )
      .on(RoomEvent.TranscriptionReceived, (segments, p) =>
        tell('transcription', {
          identity: who(p),
          segments: segments.map(({ id, text, final }) => ({ id, text, final })),
        }),
      )
      .on(RoomEvent.ParticipantAttributesChanged, (changed, p) =>
        tell('attributes', { identity: who(p), changed }),
      )
      .on(RoomEvent.ParticipantMetadataChanged, (_, p) =>
        tell('metadata', { identity: who(p), metadata: p.metadata }),
      )
      .on(RoomEvent.ParticipantNameChanged, (n, p) => tell('name', { identity: who(p), text: n }))
      .on(RoomEvent.RoomMetadataChanged, (metadata) => tell('room_metadata', { metadata }))
      .on(RoomEvent.ActiveSpeakersChanged, (speakers) =>
        tell('speakers', { identities: speakers.map(who) }),
      )
      .on(RoomEvent.Disconnected, (reason) =>
        tell('disconnected', { reason: DisconnectReason[reason] ?? '' }),
      )
      .on(RoomEvent.SignalReconnecting, () => tell('resuming'))
      .on(RoomEvent.Reconnecting, () => tell('reconnecting'))
      .on(RoomEvent.Reconnected, () => tell('reconnected'));
  }

  tell(event) {
    const index = this.waiting.findIndex(({ wanted }) => fits(event, wanted));
    if (index < 0) this.events.push(event);
    else this.waiting.splice(index, 1)[0].resolve(event);
  }

  /** The next event that has what `wanted` has; it is given to one caller only. */
  wait(wanted) {
    const index = this.events.findIndex((event) => fits(event, wanted));
    if (index >= 0) return this.events.splice(index, 1)[0];
    return new Promise((resolve) => this.waiting.push({ wanted, resolve }));
  }

  async connect(url, token, options) {
    await this.room.connect(url, token, options);
    const { sid, identity } = this.room.localParticipant;
    return { sid, identity, room: this.room.name, others: this.others() };
  }

  others() {
    return [...this.room.remoteParticipants.keys()];
  }

  disconnect() {
    return this.room.disconnect();
  }

  simulate(scenario) {
    return this.room.simulateScenario(scenario);
  }

  /** The client says that it has reconnected before it sends data again. */
  async settle() {
    while (this.room.engine.attemptingReconnect) await pause(50);
  }

  async sayTone(hertz, options = {}) {
    const publication = await this.room.localParticipant.publishTrack(toneTrack(hertz), {
      source: Track.Source.Microphone,
      name: 'microphone',
      ...options,
    });
    return publication.trackSid;
  }

  async showColour(colour, { width = 640, height = 360, rate = 10, ...options } = {}) {
    const track = colourTrack(colour, width, height, rate);
    const publication = await this.room.localParticipant.publishTrack(track, {
      source: Track.Source.Camera,
      name: 'camera',
      videoCodec: 'vp8',
      ...options,
    });
    return publication.trackSid;
  }

  /** The browser's own fake camera, in two simulcast layers. */
  async showCamera() {
    const publication = await this.room.localParticipant.setCameraEnabled(
      true,
      { resolution: { width: 640, height: 360, frameRate: 10 } },
      {
        videoCodec: 'vp8',
        simulcast: true,
        videoEncoding: { maxBitrate: 400_000, maxFramerate: 10 },
        videoSimulcastLayers: [new VideoPreset(320, 180, 120_000, 10)],
      },
    );
    return publication.trackSid;
  }

  publication(sid) {
    return this.room.localParticipant.trackPublications.get(sid);
  }

  async mute(sid, muted) {
    await (muted ? this.publication(sid).mute() : this.publication(sid).unmute());
  }

  async unpublish(sid) {
    await this.room.localParticipant.unpublishTrack(this.publication(sid).track);
  }

  remote(identity, source) {
    const track = this.room.remoteParticipants.get(identity)?.getTrackPublication(source);
    if (!track?.track) throw new Error(`no ${source} of ${identity} is subscribed`);
    return track;
  }

  /** Hears a participant until the tone is as pure as that. */
  hear(identity, hertz, purity, seconds) {
    const { track } = this.remote(identity, Track.Source.Microphone);
    return measureTone(track, hertz, (found) => found.purity >= purity, seconds);
  }

  /** Hears a participant until there is silence. */
  hearSilence(identity, seconds) {
    const { track } = this.remote(identity, Track.Source.Microphone);
    return measureTone(track, 1000, (found) => found.level < 0.001, seconds);
  }

  /** Looks at a participant until the picture has that colour (of each channel, to 40) and width. */
  see(identity, colour, width, seconds) {
    const { track } = this.remote(identity, Track.Source.Camera);
    const done = (found) =>
      found.width > 0 &&
      (!width || found.width === width) &&
      (!colour || found.colour.every((value, i) => Math.abs(value - colour[i]) < 40));
    return measurePicture(track, done, seconds);
  }

  setQuality(identity, quality) {
    this.remote(identity, Track.Source.Camera).setVideoQuality(LivekitClient.VideoQuality[quality]);
  }

  setSubscribed(identity, source, subscribed) {
    const participant = this.room.remoteParticipants.get(identity);
    participant.getTrackPublication(source).setSubscribed(subscribed);
  }

  async sendData(text, options) {
    await this.room.localParticipant.publishData(new TextEncoder().encode(text), options);
  }

  async sendText(text, options) {
    const { id } = await this.room.localParticipant.sendText(text, options);
    return id;
  }

  readTexts(topic) {
    this.room.registerTextStreamHandler(topic, async (reader, { identity }) => {
      const { attributes } = reader.info;
      this.tell({ name: 'text', identity, topic, text: await reader.readAll(), attributes });
    });
  }

  /** Answers calls of a method with `answer` and what was sent; with an error where it is empty. */
  answerRpc(method, answer) {
    this.room.registerRpcMethod(method, async ({ callerIdentity, payload }) => {
      if (!answer) throw new RpcError(1600, 'refused', payload);
      return `${answer} ${callerIdentity}: ${payload}`;
    });
  }

  async callRpc(destinationIdentity, method, payload) {
    try {
      const participant = this.room.localParticipant;
      return { answer: await participant.performRpc({ destinationIdentity, method, payload }) };
    } catch (error) {
      return { code: error.code, message: error.message, data: error.data };
    }
  }

  async setAttributes(attributes) {
    await this.room.localParticipant.setAttributes(attributes);
  }

  async setMetadata(metadata) {
    await this.room.localParticipant.setMetadata(metadata);
  }

  describe(identity) {
    const participant = this.room.remoteParticipants.get(identity);
    if (!participant) return null;
    const { sid, name, kind, metadata, attributes } = participant;
    const tracks = [...participant.trackPublications.values()].map((publication) => ({
      sid: publication.trackSid,
      name: publication.trackName,
      source: publication.source,
      muted: publication.isMuted,
      simulcasted: publication.simulcasted,
      mimeType: publication.mimeType,
      subscribed: publication.isSubscribed,
    }));
    return { sid, name, kind, metadata, attributes, tracks };
  }
}

function fits(event, wanted) {
  return Object.entries(wanted).every(
    ([key, value]) => JSON.stringify(event[key]) === JSON.stringify(value),
  );
}

// eslint-disable-next-line no-unused-vars -- called from Python
async function call([name, method, options, values]) {
  if (method === 'new') {
    clients.set(name, new Client(options));
    return null;
  }
  return (await clients.get(name)[method](...values)) ?? null;
}
