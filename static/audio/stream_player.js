/** Plays a patient that comes as a stream, and tells how loud it is. */

import { levelDbfs } from "../core/pcm.js";

const SAMPLES = 1024;

export class StreamPlayer {
  #audio = new Audio();
  #source;
  #tap;
  #samples = new Float32Array(SAMPLES);

  /** To be made after a click: browsers play nothing before one. */
  constructor(context, stream) {
    // An element plays it with the browser's echo cancellation; the tap alone would be silent, and so would be the tap
    // without an element.
    this.#audio.srcObject = stream;
    this.#audio.play().catch((error) => console.warn("The patient's sound could not be played.", error));
    this.#tap = new AnalyserNode(context, { fftSize: SAMPLES });
    this.#source = context.createMediaStreamSource(stream);
    this.#source.connect(this.#tap);
  }

  /** How loud the patient is now, in dB of full scale. */
  get level_dbfs() {
    this.#tap.getFloatTimeDomainData(this.#samples);
    return levelDbfs(this.#samples);
  }

  /** Stop for good. */
  stop() {
    this.#source.disconnect();
    this.#audio.pause();
    this.#audio.srcObject = null;
  }
}
