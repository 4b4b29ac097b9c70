/** Everything that sounds: one AudioContext, the microphone and the loudspeaker, opened by a click and kept. */

import { chime, int16ToFloat } from "../core/pcm.js";
import { Problem } from "../core/problems.js";
import { Microphone, openContext, runSound } from "./microphone.js";
import { Player } from "./player.js";

export class AudioDesk {
  /** To be called while a click is handled: browsers start sound only then. */
  constructor() {
    this.context = openContext();
    this.microphone = new Microphone(this.context);
    this.player = new Player(this.context);
    // The browser or the system has stopped the audio (a phone call, another page).
    this.onpaused = () => {};
    this.onseen = () => !document.hidden && this.microphone.mend();
    document.addEventListener("visibilitychange", this.onseen);
    navigator.mediaDevices.addEventListener?.("devicechange", this.onseen);
    this.context.addEventListener("statechange", () => {
      if (this.context.state === "suspended" || this.context.state === "interrupted") this.onpaused();
    });
  }

  /** Make sure that sound runs; rejects with a Problem. */
  async start() {
    try {
      await this.player.start();
    } catch (error) {
      throw new Problem("browser.old", { detail: String(error) });
    }
    await this.resume();
  }

  /** Run again after the browser paused sound; to be called while a click is handled. */
  async resume() {
    if (this.context.state !== "running") await runSound(this.context);
  }

  /** Play two notes, for the person to check that they can be heard. */
  async playTestSound() {
    await this.start();
    const item_id = `sound-check-${performance.now()}`;
    this.player.enqueue(item_id, chime(this.context.sampleRate));
    this.player.complete(item_id);
  }

  /** Play back what the microphone took: Int16Arrays at the wire's rate. */
  async playBack(frames) {
    await this.start();
    const item_id = `play-back-${performance.now()}`;
    for (const frame of frames) this.player.enqueue(item_id, int16ToFloat(frame));
    this.player.complete(item_id);
  }

  /** Let everything go. */
  async close() {
    document.removeEventListener("visibilitychange", this.onseen);
    navigator.mediaDevices.removeEventListener?.("devicechange", this.onseen);
    this.microphone.stop();
    this.player.stop();
    if (this.context.state !== "closed") await this.context.close();
  }
}
