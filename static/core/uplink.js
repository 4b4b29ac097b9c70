/**
 * Keeps captured sound from piling up when the network is slow.
 *
 * A socket's own buffer cannot be taken back, so little is put into it; what waits here can be dropped, oldest first:
 * a patient who answers to what was said now is worth more than one who hears all of it late.
 */

import { FRAME_MS } from "./frame_cutter.js";

const SOCKET_MS = 500; // handed to the socket and not yet sent
// So much waits here; with the socket's, that is about a second of delay at the worst.
const HELD_MS = 500;

export class Uplink {
  /**
   * `send(message)` hands a message to the socket, `buffered_bytes()` tells what it has not sent,
   * `on_dropped(frames)` is told how many frames were given up.
   */
  constructor({ send, buffered_bytes, on_dropped, frame_ms = FRAME_MS }) {
    this.send = send;
    this.buffered_bytes = buffered_bytes;
    this.on_dropped = on_dropped;
    this.frame_ms = frame_ms;
    this.held = [];
    this.dropped = 0;
  }

  /** Take one frame's message, send what the socket has room for, drop what is too old. */
  push(message) {
    this.held.push(message);
    const room_bytes = ((message.length ?? message.byteLength) * SOCKET_MS) / this.frame_ms;
    while (this.held.length > 0 && this.buffered_bytes() < room_bytes) this.send(this.held.shift());
    const excess = this.held.length - Math.floor(HELD_MS / this.frame_ms);
    if (excess > 0) {
      this.held.splice(0, excess);
      this.dropped += excess;
      this.on_dropped(excess);
    }
  }
}
