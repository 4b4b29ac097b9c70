/** Plays a recording of two voices, left and right: both are heard in both ears, and each can be left out. */

export class Listener {
  #audio = new Audio();
  #context = null;
  #gains = [];
  #url = null;
  #until_ms = Infinity;
  #frame = 0;
  #on = [true, true];
  #level = [1, 1]; // by which each voice is made as loud as the other

  constructor() {
    this.onchange = () => {}; // playing or not, or another place
    this.stretch = null; // what was asked to be played, as it was given
    this.#audio.preload = "auto";
    this.#audio.preservesPitch = true; // or a voice that is slowed down is another voice
    for (const name of ["play", "pause", "ended", "seeked", "timeupdate"]) {
      this.#audio.addEventListener(name, () => this.#changed());
    }
  }

  /** Take a recording; resolves when it can be played, rejects when the browser can't read it. */
  load(blob) {
    this.#url = URL.createObjectURL(blob);
    return new Promise((resolve, reject) => {
      this.#audio.addEventListener("loadedmetadata", () => resolve(), { once: true });
      this.#audio.addEventListener("error", () => reject(this.#audio.error), { once: true });
      this.#audio.src = this.#url;
    });
  }

  get playing() {
    return !this.#audio.paused && !this.#audio.ended;
  }

  get at_ms() {
    return 1000 * this.#audio.currentTime;
  }

  get duration_ms() {
    return Number.isFinite(this.#audio.duration) ? 1000 * this.#audio.duration : 0;
  }

  get rate() {
    return this.#audio.playbackRate;
  }

  set rate(rate) {
    this.#audio.playbackRate = rate;
  }

  /** Play from a place, to the end or to `until_ms`; to be called while a click is handled. */
  async play(from_ms = this.at_ms, { until_ms = Infinity, stretch = null } = {}) {
    this.#connect();
    this.#until_ms = until_ms;
    this.stretch = stretch;
    if (Math.abs(from_ms - this.at_ms) > 1) this.#audio.currentTime = from_ms / 1000;
    await this.#context.resume();
    try {
      await this.#audio.play();
    } catch (error) {
      if (error.name !== "AbortError") throw error; // paused again before it had begun
    }
  }

  pause() {
    this.#audio.pause();
  }

  /** Go to a place, playing on if it plays. */
  seek(to_ms) {
    this.#until_ms = Infinity;
    this.stretch = null;
    this.#audio.currentTime = to_ms / 1000;
  }

  /** Let a voice be heard or not: 0 is left (the candidate), 1 is right (the patient). */
  hear(track, on) {
    this.#on[track] = on;
    this.#set(track);
  }

  /** Play each voice by so much louder, or quieter. */
  level(gains) {
    this.#level = gains;
    this.#on.forEach((_, track) => this.#set(track));
  }

  /** Let everything go. */
  close() {
    cancelAnimationFrame(this.#frame);
    this.#audio.pause();
    this.#audio.removeAttribute("src");
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#context?.close();
    this.onchange = () => {};
  }

  /** Each voice is on one channel; with headphones that is tiring, so both go to both ears. */
  #connect() {
    if (this.#context) return;
    this.#context = new AudioContext();
    const source = this.#context.createMediaElementSource(this.#audio);
    const split = this.#context.createChannelSplitter(2);
    source.connect(split);
    this.#gains = this.#on.map((on, track) => {
      const gain = new GainNode(this.#context, { gain: on ? this.#level[track] : 0, channelCount: 1, channelCountMode: "explicit" });
      split.connect(gain, track);
      gain.connect(this.#context.destination);
      return gain;
    });
  }

  #set(track) {
    if (this.#gains[track]) this.#gains[track].gain.value = this.#on[track] ? this.#level[track] : 0;
  }

  #changed() {
    if (this.playing && this.at_ms >= this.#until_ms) {
      this.#until_ms = Infinity;
      this.#audio.pause();
    }
    if (!this.playing && !this.#audio.seeking) this.stretch = this.#audio.paused ? null : this.stretch;
    this.onchange();
    cancelAnimationFrame(this.#frame);
    if (this.playing) this.#frame = requestAnimationFrame(() => this.#changed());
  }
}

/** Return the two tracks of a recording as float samples, at a rate that is enough to draw them. */
export async function tracksOf(blob, rate_hz = 8000) {
  const sound = await new OfflineAudioContext(2, 1, rate_hz).decodeAudioData(await blob.arrayBuffer());
  return [0, 1].map((channel) => sound.getChannelData(Math.min(channel, sound.numberOfChannels - 1)));
}
