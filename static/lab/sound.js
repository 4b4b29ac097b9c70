/** What sounds in a run: the candidate's voice, the patient's playout, and a tap that tells when that can be heard. */

import { WIRE_HZ } from "../core/pcm.js";

const PLAYOUT = new URL("../audio/playout_worklet.js", import.meta.url);
const VOICE = new URL("./voice_worklet.js", import.meta.url);
const TAP = new URL("./tap_worklet.js", import.meta.url);

/** One clock for everything: both directions are in one AudioContext, whose time counts samples. */
export class LabSound {
  #voice = null;
  #playout = null;
  #tap = null;
  #gain;
  #to_track = null;
  #source = null;
  #element = null;

  /** To be called while a click is handled: browsers start sound only then. */
  constructor() {
    this.context = new AudioContext({ sampleRate: WIRE_HZ, latencyHint: "interactive" });
    this.context.resume();
    this.#gain = new GainNode(this.context, { gain: 0 });
    this.#gain.connect(this.context.destination);
    this.onframe = () => {}; // ({pcm, at_ms}): 20 ms of the candidate
    this.onbegan = () => {}; // (index, at_ms, media_ms)
    this.onspoken = () => {};
    this.onsound = () => {}; // (on, at_ms): the patient can be heard
    this.onreport = () => {}; // reports of the playout worklet
  }

  get now_ms() {
    return 1000 * this.context.currentTime;
  }

  /** Whether somebody listens along. */
  set audible(on) {
    this.#gain.gain.value = on ? 1 : 0;
  }

  /** Load the audio thread's parts. */
  async start() {
    await Promise.all([PLAYOUT, VOICE, TAP].map((url) => this.context.audioWorklet.addModule(url)));
    await this.context.resume();
  }

  /** Begin a session: the patient is listened to. */
  begin() {
    this.end();
    const mono = { outputChannelCount: [1] };
    this.#tap = new AudioWorkletNode(this.context, "interlocutor-lab-tap", mono);
    this.#tap.port.onmessage = ({ data }) => this.onsound(data.on, data.at_ms);
    this.#tap.connect(this.#gain);
    this.#playout = new AudioWorkletNode(this.context, "interlocutor-playout", { numberOfInputs: 0, ...mono });
    this.#playout.port.onmessage = ({ data }) => this.#played(data);
    this.#playout.connect(this.#tap);
  }

  /** Let the candidate's voice flow, silence first: its time begins now, as the server's does with the first frame. */
  flow() {
    const options = { numberOfInputs: 0, outputChannelCount: [1] };
    this.#voice = new AudioWorkletNode(this.context, "interlocutor-lab-voice", options);
    this.#voice.port.onmessage = ({ data }) => this.#spoke(data);
    this.#voice.connect(this.#gain);
    if (this.#to_track !== null) this.#voice.connect(this.#to_track);
  }

  /** Say samples from the next moment on; `marks` are {index, at}: turns by the sample where they begin. */
  say(samples, marks) {
    const copy = samples.slice();
    this.#voice?.port.postMessage({ kind: "say", samples: copy, marks }, [copy.buffer]);
  }

  /** Do something with the patient's sound, as `playoutOrder` returns it. */
  playout(order) {
    this.#playout?.port.postMessage(order, order.samples ? [order.samples.buffer] : []);
  }

  /** Return the track that will carry the candidate's voice, for transports that carry tracks. */
  voiceTrack() {
    this.#to_track = new MediaStreamAudioDestinationNode(this.context, { channelCount: 1 });
    return this.#to_track.stream.getAudioTracks()[0];
  }

  /** Listen to a MediaStream as the patient. */
  listenTo(stream) {
    // Chromium lets a call's sound into Web Audio only while an element plays it too.
    this.#element = Object.assign(new Audio(), { srcObject: stream, muted: true });
    // It is muted, so nothing can forbid it. If it ends before it began, that does no harm.
    this.#element.play().catch(() => {});
    this.#source = new MediaStreamAudioSourceNode(this.context, { mediaStream: stream });
    this.#source.connect(this.#tap);
  }

  /** End what `begin` began. */
  end() {
    for (const node of [this.#voice, this.#playout, this.#tap]) {
      node?.port.postMessage({ kind: "stop" });
      node?.disconnect();
    }
    this.#source?.disconnect();
    if (this.#element) this.#element.srcObject = null;
    for (const track of this.#to_track?.stream.getTracks() ?? []) track.stop();
    this.#voice = this.#playout = this.#tap = this.#to_track = this.#source = this.#element = null;
  }

  /** Let everything go. */
  async close() {
    this.end();
    if (this.context.state !== "closed") await this.context.close();
  }

  #spoke(data) {
    if (data.kind === "frame") this.onframe(data);
    if (data.kind === "began") this.onbegan(data.index, data.at_ms, data.media_ms);
    if (data.kind === "spoken") this.onspoken();
  }

  #played(report) {
    if (report.kind !== "level") this.onreport(report);
  }
}

const decoder = () => new OfflineAudioContext(1, 1, WIRE_HZ);

/** Return a recording's channels as floats at the wire's rate; rejects when the browser can't read it. */
export async function decode(bytes) {
  const buffer = await decoder().decodeAudioData(bytes);
  return Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));
}
