/** The microphone: permission, frames of PCM with their level, mute, and what to do when it is unplugged. */

import { WIRE_HZ } from "../core/pcm.js";
import { microphoneProblem, Problem } from "../core/problems.js";

const WANTED = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
// A browser that can be heard has its sound run within a tenth of a second.
const SOUND_WITHIN_MS = 10_000;
const WORKLET = new URL("./capture_worklet.js", import.meta.url);

export class Microphone {
  #context;
  #own_context = null;
  #stream = null;
  #source = null;
  #node = null;
  #muted = false;
  #mending = false;
  #lost = false; // the device went away, and no other was opened since

  /** `context` is the page's AudioContext at WIRE_HZ; its worklets need not be loaded. */
  constructor(context) {
    this.#context = context;
    this.onframe = () => {}; // ({pcm: Int16Array of 20 ms, level_dbfs})
    this.onlost = () => {}; // the device went away
    // (silenced): the system took the microphone away for a while, or gave it back
    this.onsilenced = () => {};
    this.onopened = () => {}; // a device is open, perhaps another one than before
    this.device = "";
    // This is the device to open, if it is there; "" leaves the choice to the system.
    this.device_id = "";
    // It says whether the browser removes the loudspeaker's sound; null: the browser does not say.
    this.echo_cancellation = null;
  }

  get open() {
    return this.#stream !== null;
  }

  /** The track of the device that is open, or null. */
  get track() {
    return this.#stream?.getAudioTracks()[0] ?? null;
  }

  get muted() {
    return this.#muted;
  }

  set muted(muted) {
    this.#muted = muted;
    this.#node?.port.postMessage({ kind: "mute", muted });
    // Also at the source, so that the browser's own indicator agrees with ours.
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  /** Ask for the microphone and start frames; rejects with a Problem. Opening it again replaces the device. */
  async start() {
    let stream;
    try {
      const audio = this.device_id ? { ...WANTED, deviceId: { ideal: this.device_id } } : WANTED;
      stream = await navigator.mediaDevices.getUserMedia({ audio });
    } catch (error) {
      throw microphoneProblem(error);
    }
    this.#release();
    this.#lost = false;
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    this.device = track.label;
    this.echo_cancellation = echoCancellation(track);
    track.addEventListener("ended", () => {
      if (this.#stream !== stream) return;
      this.#release();
      this.#lost = true;
      this.onlost();
    });
    // A phone call, another page or a switch on the device: the track goes on and has no sound.
    track.addEventListener("mute", () => this.#stream === stream && this.onsilenced(true));
    track.addEventListener("unmute", () => this.#stream === stream && this.onsilenced(false));
    try {
      await this.#connect(stream);
    } catch (error) {
      this.stop();
      throw error instanceof Problem ? error : microphoneProblem(error);
    }
    this.muted = this.#muted;
    this.onopened();
  }

  /**
   * See that the device that is open still gives sound, as after the page was hidden or a device came or went; one that
   * does not is opened anew. Resolves to whether it was.
   */
  async mend() {
    const { track } = this;
    if (this.#mending || (track === null && !this.#lost)) return false;
    const ids = (await microphones()).map(({ id }) => id);
    if (track !== this.track || (track !== null && !isBroken(track, ids))) return false;
    this.#mending = true;
    try {
      await this.start();
      this.onsilenced(this.track.muted);
      return true;
    } catch {
      return false; // who is told already can try again
    } finally {
      this.#mending = false;
    }
  }

  /** Let the microphone go; the browser's indicator goes out. */
  stop() {
    this.#release();
    this.#dropNode();
    this.#own_context?.close();
    this.#own_context = null;
  }

  #dropNode() {
    this.#node?.port.postMessage({ kind: "stop" });
    this.#node?.disconnect();
    this.#node = null;
  }

  async #connect(stream) {
    let context = this.#own_context ?? this.#context;
    try {
      this.#source = context.createMediaStreamSource(stream);
    } catch {
      // Firefox refuses a microphone in a context of another rate than the device's: give it one of its own, and let
      // the worklet resample.
      context = new AudioContext();
      this.#own_context = context;
      this.#dropNode();
      this.#source = context.createMediaStreamSource(stream);
    }
    if (!this.#node) {
      await context.audioWorklet.addModule(WORKLET);
      this.#node = new AudioWorkletNode(context, "interlocutor-capture", { numberOfInputs: 1, outputChannelCount: [1] });
      this.#node.port.onmessage = ({ data }) => this.onframe(data);
      // Its output stays silent; nodes that lead nowhere are not run by every browser.
      this.#node.connect(context.destination);
    }
    this.#source.connect(this.#node);
    await runSound(context);
  }

  #release() {
    this.#source?.disconnect();
    this.#source = null;
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = null;
  }
}

/** Return the microphones there are, [{id, name}]; browsers name them only once one was allowed. */
export async function microphones() {
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices
    .filter(({ kind, deviceId, label }) => kind === "audioinput" && deviceId && label)
    .map(({ deviceId, label }) => ({ id: deviceId, name: label }));
}

/** Return whether a track gives no sound any more; `ids` are those of the microphones there are. */
function isBroken(track, ids) {
  const { deviceId } = track.getSettings?.() ?? {};
  const unplugged = ids.length > 0 && Boolean(deviceId) && !ids.includes(deviceId);
  return track.readyState !== "live" || track.muted || unplugged;
}

/** Return whether a track is free of what this page plays, or null where the browser does not say. */
export function echoCancellation(track) {
  const { echoCancellation: mode } = track.getSettings?.() ?? {};
  if (mode === undefined || mode === null) return null;
  // Other modes of newer browsers leave the page's own sound in.
  return mode === true || mode === "all";
}

/** Have sound run; to be called while a click is handled. Rejects with a Problem where there is nothing to hear it with. */
export async function runSound(context) {
  let late;
  // Firefox waits for ever on a computer without a loudspeaker.
  const waited = new Promise((resolve) => (late = setTimeout(resolve, SOUND_WITHIN_MS)));
  await Promise.race([context.resume(), waited]);
  clearTimeout(late);
  if (context.state !== "running") throw new Problem("sound.none");
}

/** Return a new AudioContext for both directions; to be called while a click is handled. */
export function openContext() {
  const context = new AudioContext({ sampleRate: WIRE_HZ, latencyHint: "interactive" });
  context.resume();
  return context;
}
