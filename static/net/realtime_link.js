/** The WebSocket of a session: text out, checked events in, one word when it is over. */

import { closeProblem, Problem } from "../core/problems.js";
import { outgoing, parseEvent, socketAddress, subprotocols } from "../core/protocol.js";

const CONNECT_MS = 10000; // a person waits about this long before pressing something

export class RealtimeLink {
  #socket = null;
  #over = false;
  #timer = null;

  constructor() {
    this.onevent = () => {}; // (event)
    this.onclosed = () => {}; // (Problem): the connection ended, and not by us
  }

  /**
   * Connect, introduce the page and resolve when the server has answered; rejects with a Problem.
   *
   * `introduction` is the first message.
   */
  connect(session, introduction = outgoing.configure(), location = window.location) {
    return new Promise((resolve, reject) => {
      const fail = (problem) => {
        this.close();
        reject(problem);
      };
      const socket = new WebSocket(socketAddress(session.url, location), subprotocols(session.token));
      this.#socket = socket;
      this.#timer = setTimeout(() => fail(new Problem("connection.lost")), CONNECT_MS);
      socket.addEventListener("open", () => this.send(introduction));
      socket.addEventListener("message", ({ data }) => {
        const event = parseEvent(data);
        if (event === null) {
          console.warn("A message of the server was not understood and left out.", data.slice(0, 200));
          return;
        }
        if (event.type === "session.created") {
          clearTimeout(this.#timer);
          resolve();
        }
        if (event.type === "error") console.warn("The server refused a message.", event.error);
        this.onevent(event);
      });
      socket.addEventListener("close", ({ code }) => {
        if (this.#over) return;
        this.close();
        const problem = closeProblem(code);
        reject(problem); // does nothing when it was resolved before
        this.onclosed(problem);
      });
    });
  }

  /** Send text; dropped without a word when the connection is gone. */
  send(text) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(text);
  }

  get open() {
    return this.#socket?.readyState === WebSocket.OPEN;
  }

  /** Bytes handed to the socket and not yet sent. */
  get buffered_bytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** End the connection; nothing is reported any more. */
  close() {
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket?.close(1000);
  }
}
