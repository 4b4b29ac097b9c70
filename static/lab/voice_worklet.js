/** Audio thread, candidate's side: speaks what it is given to the sample, and silence otherwise, in frames of 20 ms. */

import { FRAME_MS, FrameCutter } from "../core/frame_cutter.js";

class VoiceProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.cutter = new FrameCutter((sampleRate * FRAME_MS) / 1000);
    this.rest = null; // {samples, at, marks: [{index, at}]}
    this.sent = 0; // samples since the first
    this.running = true;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "say") this.rest = { samples: data.samples, at: 0, marks: data.marks };
      if (data.kind === "stop") this.running = false;
    };
  }

  process(_inputs, [output]) {
    const [block, ...others] = output;
    this.#speak(block);
    for (const channel of others) channel.set(block);
    for (const { pcm } of this.cutter.push(block)) {
      const at_ms = (1000 * (currentFrame + block.length)) / sampleRate;
      this.port.postMessage({ kind: "frame", pcm, at_ms }, [pcm.buffer]);
    }
    this.sent += block.length;
    return this.running;
  }

  #speak(block) {
    if (this.rest === null) return;
    const { samples, at, marks } = this.rest;
    const piece = samples.subarray(at, at + block.length);
    block.set(piece);
    while (marks.length > 0 && marks[0].at < at + piece.length) this.#tell(marks.shift(), at);
    this.rest.at += piece.length;
    if (this.rest.at < samples.length) return;
    this.rest = null;
    this.port.postMessage({ kind: "spoken" });
  }

  #tell(mark, at) {
    const inside = mark.at - at;
    this.port.postMessage({
      kind: "began",
      index: mark.index,
      at_ms: (1000 * (currentFrame + inside)) / sampleRate,
      media_ms: (1000 * (this.sent + inside)) / sampleRate,
    });
  }
}

registerProcessor("interlocutor-lab-voice", VoiceProcessor);
