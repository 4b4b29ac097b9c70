/** The WebSocket of a session: messages out, checked events in, one word when it is over. */

import { BINARY_PROTOCOL, packSound, unpackSound } from "../core/binary.js";
import { closeProblem, Problem } from "../core/problems.js";
import { isFault, outgoing, parseEvent, socketAddress, subprotocols } from "../core/protocol.js";
import { fetchJoinToken } from "./api.js";

// A person waits about this long before pressing something.
const CONNECT_MS = 10000;
// The server sends a pulse every second to whoever may come back.
const QUIET_MS = 4000;

export class RealtimeLink {
  #socket = null;
  #over = false;
  #timer = null;
  #quiet = null;
  #pulses = false;

  constructor() {
    this.greeted = false;
    this.onevent = () => {}; // (event)
    this.onclosed = () => {}; // (Problem): the connection ended, and not by us
  }

  /**
   * Connect, introduce the page and resolve when the server has answered; rejects with a Problem.
   *
   * `introduction` is the first message; `ticket` leads back to a session whose connection was lost.
   */
  async connect(session, introduction = outgoing.configure(), { ticket = null, location = window.location } = {}) {
    const token = ticket ? null : await fetchJoinToken(session);
    if (this.#over) throw new Problem("connection.lost");
    await new Promise((resolve, reject) => {
      const fail = (problem) => {
        this.#end(3008);
        reject(problem);
      };
      const more = [BINARY_PROTOCOL, ...(ticket ? [ticket] : [])];
      const socket = new WebSocket(socketAddress(session.url, location), [...subprotocols(token), ...more]);
      socket.binaryType = "arraybuffer";
      this.#socket = socket;
      this.#timer = setTimeout(() => fail(lost(1006)), CONNECT_MS);
      socket.addEventListener("open", () => this.send(introduction));
      socket.addEventListener("message", ({ data }) => {
        this.#expect();
        const event = typeof data === "string" ? parseEvent(data) : unpackSound(data);
        if (event === null) {
          console.warn("A message of the server was not understood and left out.", String(data).slice(0, 200));
          return;
        }
        if (event.type === "session.created" || event.type === "interlocutor.session.resumed") {
          clearTimeout(this.#timer);
          this.greeted = true;
          resolve();
        }
        if (isFault(event)) console.warn("The server refused a message.", event.error);
        this.onevent(event);
      });
      socket.addEventListener("close", ({ code }) => {
        if (this.#over) return;
        this.#end();
        const problem = lost(code);
        reject(problem); // does nothing when it was resolved before
        this.onclosed(problem);
      });
    });
  }

  /** Take the connection for lost when nothing comes for a while: the server sends something every second. */
  expectPulses() {
    this.#pulses = true;
    this.#expect();
  }

  /** Whether sound goes as binary messages. */
  get binary() {
    return this.#socket?.protocol === BINARY_PROTOCOL;
  }

  /** Return the message with a piece of the candidate's sound, as this connection wants it. */
  sound(pcm, played = null, late_ms = null) {
    return this.binary ? packSound(pcm, played, late_ms) : outgoing.append(pcm, late_ms);
  }

  /** Send a message; dropped without a word when the connection is gone. */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(message);
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes handed to the socket and not yet sent. */
  get buffered_bytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** End the connection, for good; nothing is reported any more. */
  close() {
    this.#end(1000);
  }

  #expect() {
    if (!this.#pulses || this.#over) return;
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => {
      this.#end(3008); // not 1000, which is a goodbye
      this.onclosed(lost(1006));
    }, QUIET_MS);
  }

  #end(code = null) {
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#quiet);
    if (code !== null) this.#socket?.close(code);
  }
}

function lost(close_code) {
  const problem = closeProblem(close_code);
  problem.close_code = close_code;
  return problem;
}
