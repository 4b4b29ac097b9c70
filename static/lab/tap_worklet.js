/** Audio thread, listener's side: tells to the window when the patient's sound begins and when it is over. */

import { SoundGate } from "./loudness.js";

class TapProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this.gate = new SoundGate(sampleRate);
    this.nothing = new Float32Array(128);
    this.running = true;
    this.port.onmessage = ({ data }) => {
      if (data.kind === "stop") this.running = false;
    };
  }

  process([input], [output]) {
    const samples = input.length > 0 ? input[0] : this.nothing;
    for (const channel of output) channel.set(samples);
    for (const change of this.gate.push(samples, (1000 * currentFrame) / sampleRate)) this.port.postMessage(change);
    return this.running;
  }
}

registerProcessor("interlocutor-lab-tap", TapProcessor);
