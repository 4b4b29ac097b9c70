/** Audio thread, microphone side: cuts what comes in into 20 ms frames of 16-bit PCM at the wire's rate. */

import { FRAME_MS, FrameCutter } from "../core/frame_cutter.js";
import { WIRE_HZ } from "../core/pcm.js";
import { Resampler } from "../core/resampler.js";

class CaptureProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.cutter = new FrameCutter((WIRE_HZ * FRAME_MS) / 1000);
    this.resampler = sampleRate === WIRE_HZ ? null : new Resampler(sampleRate, WIRE_HZ);
    this.nothing = new Float32Array(128);
    this.running = true;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "mute") this.cutter.muted = data.muted;
      if (data.kind === "stop") this.running = false;
    };
  }

  process([input]) {
    // Without a microphone the frames go on as silence: media time must not stop.
    const samples = input.length > 0 ? input[0] : this.nothing;
    const ready = this.resampler ? this.resampler.push(samples) : samples;
    for (const { pcm, level_dbfs } of this.cutter.push(ready)) {
      this.port.postMessage({ pcm, level_dbfs }, [pcm.buffer]);
    }
    return this.running;
  }
}

registerProcessor("interlocutor-capture", CaptureProcessor);
